"""The Master's end of a Worker's terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import socket
import termios
import tty
from collections.abc import Awaitable, Callable

from devserver.ipc.messages import WorkerForked
from devserver.master.dispatch.worker import Worker

DEADLINE = 10.0


def nothing(*_: object) -> None:
    pass


def with_terminal(scenario: Callable[[Worker, int], Awaitable[None]]) -> None:
    """Run `scenario` with a Worker and the Worker's side of its terminal, in raw mode."""

    async def main() -> None:
        link, theirs = socket.socketpair()
        master, slave = pty.openpty()
        tty.setraw(slave)
        started = WorkerForked(worker=1, slot=1, generation=1, pid=os.getpid(), fork_ms=0.0)
        worker = Worker(
            started,
            [link.detach(), os.pidfd_open(os.getpid()), master],
            nothing,
            nothing,
            asyncio.get_running_loop(),
        )
        try:
            async with asyncio.timeout(DEADLINE):
                await scenario(worker, slave)
        finally:
            worker.close()
            theirs.close()
            os.close(slave)

    asyncio.run(main())


def test_keys_arrive_in_order_however_many() -> None:
    """A paste that the terminal cannot take at once is taken bit by bit."""
    keys = bytes(range(256)) * 128

    async def scenario(worker: Worker, slave: int) -> None:
        for start in range(0, len(keys), 1000):
            worker.type(keys[start : start + 1000])
        loop = asyncio.get_running_loop()
        taken = b""
        while len(taken) < len(keys):
            taken += await loop.run_in_executor(None, os.read, slave, 65536)
        assert taken == keys

    with_terminal(scenario)


def test_the_terminal_gets_the_users_size() -> None:
    """The Worker's terminal is as large as the one it is shown on."""

    async def scenario(worker: Worker, slave: int) -> None:
        worker.resize(101, 33)
        assert termios.tcgetwinsize(slave) == (33, 101)

    with_terminal(scenario)


def test_keys_for_a_closed_terminal_are_dropped() -> None:
    """Typing to a Worker that has just left is no error."""

    async def scenario(worker: Worker, _slave: int) -> None:
        worker.type(b"c\r")
        worker._close_terminal()
        worker.type(b"c\r")
        worker.resize(80, 24)

    with_terminal(scenario)
