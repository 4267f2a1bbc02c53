"""`devserver --background`: starts a server in a session of its own, and reports whether it is live.

Law: exit code 0 means that the server runs; with any other, no process of it is left.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from devserver.cli.output import NO, write_line
from devserver.cli.selected_server import look
from devserver.cli.server_commands import addresses, show_verdict
from devserver.common.errors import DevserverError, UsageError
from devserver.control import client, protocol, sockets
from devserver.control.protocol import Verdict
from devserver.control.sockets import Found, NoControl

LOOK_AGAIN = 0.01
FIRST_START = 60.0
"""Seconds that the first start may take before the caller gets the terminal back."""


def detach(serve: Callable[[], int], root: str, name: str) -> int:
    """Run `serve` in a process of its own; return the exit code once it is live or has failed.

    If that target already runs in the project, report where, and start nothing. Raises UsageError.
    """
    if running := _running(root, name):
        write_line(f"already running, pid {running.pid}")
        show_verdict(running.code)
        for url in running.urls:
            write_line(f"  {url}")
        return 0
    try:
        place = sockets.claim()
    except NoControl as error:
        text = f"a background server needs a control socket, and there is no place for one: {error}"
        raise UsageError(text) from error
    _remove_old_logs(root)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _become_daemon(sockets.path_for(place, root, os.getcwd(), os.getpid(), "log"))
        return serve()
    log = sockets.path_for(place, root, os.getcwd(), pid, "log")
    try:
        return _report(pid, log, root)
    except KeyboardInterrupt:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        raise


def _running(root: str, name: str) -> protocol.Status | None:
    for found in sockets.of_project(root):
        status = look(found)
        if status is not None and (status.root, status.target) == (root, name):
            return status
    return None


def _remove_old_logs(root: str) -> None:
    for found in sockets.of_project(root, kind="log"):
        if not sockets.lives(found.pid):
            with suppress(OSError):
                os.unlink(found.path)


def _become_daemon(log: str) -> None:
    """Leave the terminal: a new session, /dev/null as standard input, the log as output."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for fd, to in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(fd, to)
    for fd in (nothing, output):
        if fd > 2:
            os.close(fd)


def _report(pid: int, log: str, root: str) -> int:
    """Wait until the process `pid` is live or has ended; report which, and return the exit code."""
    found = _socket_of(pid, root)
    if found is None:
        return _ended(pid, log)
    try:
        verdict = client.ask_once(found, protocol.AskWait(timeout_s=FIRST_START), FIRST_START + 10)
    except DevserverError:
        return _ended(pid, log)
    assert isinstance(verdict, Verdict)
    if verdict.state == "stopping":
        return _ended(pid, log)
    show_verdict(verdict)
    if verdict.state == "not-live":
        with suppress(DevserverError):
            for _ in client.ask(found, protocol.AskStop(), FIRST_START):
                pass
        _, ended = os.waitpid(pid, 0)
        write_line("devserver: not started: fix this and start it again", err=True)
        return os.waitstatus_to_exitcode(ended) or NO  # 2: there is no app, as in the foreground
    if status := look(found):
        for url in addresses(status):
            write_line(f"  {url}")
    write_line(f"  pid {pid}; output: {log}")
    if verdict.state == "starting":
        text = f"still starting after {FIRST_START:g} s: use devserver wait, or devserver stop to end it"
        write_line(f"devserver: {text}", err=True)
        return NO
    write_line("  devserver status, wait, logs, errors and stop work from this folder")
    return 0


def _socket_of(pid: int, root: str) -> Found | None:
    """Return the socket of a process once it is there; None if the process ends before."""
    while True:
        for found in sockets.of_project(root):
            if found.pid == pid:
                return found
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return None
        time.sleep(LOOK_AGAIN)


def _ended(pid: int, log: str) -> int:
    """Write the output of a process that ended before it was live; return its exit code."""
    _, status = os.waitpid(pid, 0)
    with suppress(OSError):
        write_line(Path(log).read_text(errors="replace").rstrip(), err=True)
        os.unlink(log)
    return os.waitstatus_to_exitcode(status) or NO
