"""Forks one Worker, as the Manager does, and exits as it did; the tests play the Master over its link.

Arguments: the descriptors of the link and of a pipe that takes the Worker's pid. Orders: msgpack on stdin.
"""

from __future__ import annotations

import os
import socket
import sys

import msgspec

from devserver.ipc.messages import LoopChoice, Source, Target, WorkerSettings
from devserver.worker.birth.boot import Boot
from devserver.worker.main import run


class Orders(msgspec.Struct):
    target: Target
    root: str
    sources: dict[str, Source]
    loop: LoopChoice = "auto"
    worker: int = 7
    generation: int = 3


def main() -> int:
    lane_fd, pid_fd = map(int, sys.argv[1:])
    orders = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Orders)
    link = socket.socket(fileno=lane_fd)
    link.set_inheritable(False)
    pid = os.fork()
    if pid == 0:
        os.close(pid_fd)
        os.setsid()
        boot = Boot(
            worker=orders.worker,
            slot=1,
            generation=orders.generation,
            settings=WorkerSettings(orders.target, orders.root, loop=orders.loop, access_log=False),
            link=link,
            sources=orders.sources,
        )
        return run(boot)
    link.close()
    os.write(pid_fd, str(pid).encode())
    os.close(pid_fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    code = main()
    sys.exit(code if code >= 0 else 128 - code)
