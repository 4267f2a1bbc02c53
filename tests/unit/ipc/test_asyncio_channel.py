"""A channel on an event loop."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import uvloop

from devserver.ipc.asyncio_channel import AsyncioChannel
from devserver.ipc.channel import Channel
from devserver.ipc.messages import FromManager, Ping, Retire, ToManager


def test_a_message_that_fails_costs_no_other() -> None:
    """A fault of ours is reported; what came with the message is still delivered."""
    reported: list[dict[str, Any]] = []
    taken: list[FromManager] = []

    def take(message: FromManager, _fds: list[int]) -> None:
        if message == Retire(1):
            raise KeyError(1)
        taken.append(message)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: reported.append(context))
        ours, theirs = socket.socketpair()
        link: AsyncioChannel[FromManager, ToManager] = AsyncioChannel(
            Channel(ours, FromManager), take, lambda: None, loop
        )
        other: Channel[ToManager, FromManager] = Channel(theirs, ToManager)
        other.queue(Retire(1))
        other.queue(Retire(2))
        other.flush()
        link.drain()
        link.close()
        other.close()

    asyncio.run(main())
    assert taken == [Retire(2)]
    assert [type(context["exception"]) for context in reported] == [KeyError]


def test_bytes_that_are_no_message_are_reported_not_dropped_in_silence() -> None:
    """A fault of our own between two processes must be seen by who can mend it."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _loop, context: told.append(context))
        ours, theirs = socket.socketpair()
        gone = asyncio.Event()
        link: AsyncioChannel[ToManager, FromManager] = AsyncioChannel(
            Channel(ours, ToManager), lambda *_: None, gone.set, loop
        )
        theirs.send(b"\0\0\0\1\0\xc1")
        async with asyncio.timeout(10):
            await gone.wait()
        assert "the bytes do not decode" in str(told[0]["exception"])
        link.close()
        theirs.close()

    asyncio.run(main())


@pytest.mark.parametrize("loop_factory", [None, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_an_end_that_leaves_something_unread_is_noticed_behind_its_last_message(loop_factory: Any) -> None:
    """The server does not wait for a process that has exited just as it was asked something."""
    taken: list[FromManager] = []

    async def main() -> None:
        ours, theirs = socket.socketpair()
        gone = asyncio.Event()
        link: AsyncioChannel[FromManager, ToManager] = AsyncioChannel(
            Channel(ours, FromManager),
            lambda message, _fds: taken.append(message),
            gone.set,
            asyncio.get_running_loop(),
        )
        link.send(Ping())
        link.flush()
        other: Channel[ToManager, FromManager] = Channel(theirs, ToManager)
        other.queue(Retire(1))
        other.flush()
        other.close()  # the ping is in it: the socket is reset, and libuv tells of that once
        async with asyncio.timeout(10):
            await gone.wait()
        link.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert taken == [Retire(1)]
