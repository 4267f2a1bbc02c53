"""The Master's side of the link to the console."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from devserver.reporting.console_process import ConsoleLink, Order, usable

DEADLINE = 10.0


@dataclass
class Side:
    """A link, the console's end of it, and what the link has told."""

    link: ConsoleLink
    console: socket.socket
    orders: asyncio.Queue[Order]
    gone: asyncio.Event


def linked(scenario: Callable[[Side], Awaitable[None]]) -> None:
    """Run `scenario` on a loop with a new link."""

    async def main() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.settimeout(DEADLINE)
        with theirs:
            orders: asyncio.Queue[Order] = asyncio.Queue()
            gone = asyncio.Event()
            link = ConsoleLink(asyncio.get_running_loop(), ours, on_order=orders.put_nowait, on_gone=gone.set)
            side = Side(link, theirs, orders, gone)
            try:
                async with asyncio.timeout(DEADLINE):
                    await scenario(side)
            finally:
                link.close()

    asyncio.run(main())


def test_orders_arrive_however_they_are_cut() -> None:
    """A key becomes one order, and what is no order is skipped."""

    async def scenario(side: Side) -> None:
        side.console.sendall(b'{"order":"rel')
        side.console.sendall(b'oad"}\nnonsense\n{"other":1}\n{"order":"stop"}\n')
        assert await side.orders.get() == Order("reload")
        assert await side.orders.get() == Order("stop")

    linked(scenario)


def test_keys_for_a_worker_arrive_as_the_bytes_they_are() -> None:
    """What is typed for a debugger is any byte; an order without a meaning is none."""

    async def scenario(side: Side) -> None:
        side.console.sendall(b'{"order":"dance"}\n')
        side.console.sendall('{"order":"input","worker":3,"text":"\\u0003\\r\u00ff"}\n'.encode())
        order = await side.orders.get()
        assert (order.order, order.worker, order.keys) == ("input", 3, b"\x03\r\xff")

    linked(scenario)


def test_a_console_that_does_not_read_makes_a_backlog() -> None:
    """What is not taken is kept, counted and delivered later, in order."""

    async def scenario(side: Side) -> None:
        line = b"x" * 999 + b"\n"
        for _ in range(2_000):
            side.link.write(line)
        assert 0 < side.link.backlog < 2_000 * len(line)
        loop = asyncio.get_running_loop()
        taken = await loop.run_in_executor(None, _take, side.console, 2_000 * len(line))
        assert taken == line * 2_000
        assert side.link.backlog == 0

    linked(scenario)


def _take(console: socket.socket, count: int) -> bytes:
    taken = b""
    while len(taken) < count:
        taken += console.recv(65536)
    return taken


def test_a_console_that_dies_is_reported_once() -> None:
    """Its death is noticed by its end of the link; writing to it then is no error."""

    async def scenario(side: Side) -> None:
        side.console.close()
        await side.gone.wait()
        side.link.write(b"late\n")
        assert side.link.backlog == 0

    linked(scenario)


def test_a_death_in_mid_write_is_reported_after_the_write() -> None:
    """A write that finds the console dead returns; the news comes from the loop."""

    async def scenario(side: Side) -> None:
        side.console.close()
        side.link.write(b"line\n")
        assert not side.gone.is_set()
        await side.gone.wait()

    linked(scenario)


def test_finishing_delivers_what_is_left() -> None:
    """At the end the console gets all the news, then the end; its leaving is no loss."""

    async def scenario(side: Side) -> None:
        lines = b"x" * 1_000_000 + b"\n"
        side.link.write(lines)
        loop = asyncio.get_running_loop()

        def read_to_end() -> bytes:
            taken = b""
            while data := side.console.recv(65536):
                taken += data
            side.console.close()
            return taken

        reader = loop.run_in_executor(None, read_to_end)
        await side.link.finish(DEADLINE)
        assert await reader == lines
        assert not side.gone.is_set()

    linked(scenario)


def test_finishing_does_not_wait_for_a_console_that_hangs() -> None:
    """A terminal that stopped reading does not hold up the end of the server."""

    async def scenario(side: Side) -> None:
        side.link.write(b"x" * 5_000_000)
        await side.link.finish(0.01)
        assert side.link.backlog == 0

    linked(scenario)


@pytest.mark.parametrize("term", ["", "dumb"])
def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    """Where the cursor cannot be moved, nothing is drawn."""
    monkeypatch.setenv("TERM", term)
    assert not usable()
