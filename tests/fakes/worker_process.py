"""Run as a script, `worker.py FD [ORPHAN_DEADLINE]`: a real Manager whose Workers do as they are ordered.

The source of the module `app` in the snapshot says how a Worker boots; then its link says what to do, one
JSON list a line, and each line is answered with one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

from setproctitle import setproctitle

from devserver.manager import loop
from devserver.worker.birth.boot import Boot

interrupted: list[bool] = []


def endless_import() -> None:
    """Be a module that never finishes importing."""
    while True:
        time.sleep(0.01)


def facts(boot: Boot) -> dict[str, Any]:
    """Return what a Worker finds at its birth."""
    wakeup = signal.set_wakeup_fd(-1)
    return {
        "worker": boot.worker,
        "slot": boot.slot,
        "generation": boot.generation,
        "root": boot.settings.root,
        "target": boot.settings.target.module,
        "pid": os.getpid(),
        "session": os.getsid(0),
        "group": os.getpgid(0),
        "wakeup": wakeup,
        "defaults": all(
            signal.getsignal(signum) == signal.SIG_DFL
            for signum in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM)
        )
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "fds": {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in _open_fds()},
        "sources": {path: (source.source or b"").decode() for path, source in boot.sources.items()},
        "random": random.random(),
        "tty": os.isatty(0) and os.isatty(1) and os.isatty(2),
    }


def _open_fds() -> list[int]:
    fds = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.stat(int(name))
        except OSError:  # the one that listed the folder
            continue
        fds.append(int(name))
    return fds


def act(order: str, *arguments: Any) -> Any:
    """Do what the link says; return the answer."""
    match order:
        case "exit":
            sys.exit(arguments[0])
        case "spawn":
            return subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL).pid
        case "stay":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            return "staying"
        case "print":
            print(*arguments, flush=True)
            return "printed"
        case "heed SIGINT":
            signal.signal(signal.SIGINT, lambda *_: interrupted.append(True))
            return "listening"
        case "await SIGINT":
            while not interrupted:
                time.sleep(0.01)
            return "interrupted"
        case "open /dev/tty":
            return os.isatty(os.open("/dev/tty", os.O_RDWR))
    raise ValueError(order)


def work(boot: Boot) -> int:
    """Be a Worker."""
    text = (boot.sources["app"].source or b"").decode() if "app" in boot.sources else "serve"
    if text == "exit":
        return 3
    link = boot.link.makefile("rw", encoding="utf-8")
    link.write(json.dumps(facts(boot)) + "\n")
    link.flush()
    if text == "hang":
        endless_import()
    for line in link:
        link.write(json.dumps(act(*json.loads(line))) + "\n")
        link.flush()
    if text == "linger":
        endless_import()
    return 0


if __name__ == "__main__":
    setproctitle("devserver: fake manager")
    if len(sys.argv) > 2:
        loop.ORPHAN_DEADLINE = float(sys.argv[2])
    boot = loop.Manager(int(sys.argv[1])).run()
    sys.exit(0 if boot is None else work(boot))
