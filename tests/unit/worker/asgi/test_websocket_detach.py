"""A WebSocket whose client newer code takes over, as the old code sees it."""

from __future__ import annotations

import asyncio

import pytest

from devserver.ipc.messages import (
    Consumed,
    Detach,
    Disconnected,
    Failed,
    Message,
    WebSocketClose,
    WebSocketSend,
)
from devserver.worker.asgi.streams import CANCEL_AFTER
from devserver.worker.asgi.websocket import FINISHING, GRACE
from tests.fakes.asgi_streams import STREAM, Event, Receive, Send, StreamsHarness
from tests.fakes.clock import passes, run, turns

ACCEPT: Event = {"type": "websocket.accept"}
CLOSE: Event = {"type": "websocket.close"}
RESTART: Event = {"type": "websocket.disconnect", "code": 1012, "reason": ""}


def text(data: str) -> Event:
    return {"type": "websocket.send", "text": data}


def test_after_a_detach_receive_says_1012_and_what_was_not_taken_is_left() -> None:
    """It is the newer code's."""

    async def scenario() -> None:
        got: list[Event] = []
        handled = asyncio.Event()

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            got.append(await receive())
            await handled.wait()
            await send(text("done"))
            got.append(await receive())

        harness = StreamsHarness(app)
        await harness.opens("websocket")
        await harness.hears(Message(STREAM, b"a", True))
        await harness.hears(Message(STREAM, b"b", True))
        await harness.hears(Detach(STREAM))
        await passes(FINISHING - 0.1)
        handled.set()
        await turns()
        assert [event.get("text") for event in got] == ["a", None]
        assert got[1] == RESTART
        assert harness.said(WebSocketSend) == [WebSocketSend(STREAM, b"done", True)]
        assert harness.said(Consumed) == [Consumed(STREAM, 1)]
        assert harness.failure is None

    run(scenario())


def test_an_app_that_only_pushes_is_stopped_after_a_moment() -> None:
    """It never receives, so its `send` tells."""

    async def scenario() -> None:
        tick = asyncio.Event()

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            while True:
                await tick.wait()
                tick.clear()
                await send(text("tick"))

        harness = StreamsHarness(app)
        await harness.opens("websocket")
        await harness.hears(Detach(STREAM))
        tick.set()
        await passes(GRACE - 0.01)
        assert len(harness.said(WebSocketSend)) == 1
        await passes(0.02)
        tick.set()
        await turns()
        assert len(harness.said(WebSocketSend)) == 1
        assert harness.failure is None

    run(scenario())


@pytest.mark.parametrize(("messages", "limit"), [(0, CANCEL_AFTER), (1, FINISHING)])
def test_an_app_that_does_not_notice_is_cancelled(messages: int, limit: float) -> None:
    """One that handles a message has longer, and what it is cancelled over is named; neither has failed."""

    async def scenario() -> None:
        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            for _ in range(messages):
                await receive()
            await asyncio.Event().wait()

        harness = StreamsHarness(app)
        await harness.opens("websocket")
        await harness.hears(*[Message(STREAM, b"a", True)] * messages)
        await harness.hears(Detach(STREAM))
        await passes(limit - 0.1)
        assert not harness.over
        await passes(0.2)
        assert harness.failure is None
        assert [said.failure.type for said in harness.said(Failed)] == ["Cancelled"] * messages

    run(scenario())


def test_a_close_after_a_detach_is_not_the_clients_any_more() -> None:
    """Frameworks close when they end: the client stays with the newer code."""

    async def scenario() -> None:
        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()
            await send(CLOSE)

        harness = StreamsHarness(app)
        await harness.opens("websocket")
        await harness.hears(Detach(STREAM))
        assert harness.said(WebSocketClose) == []
        assert harness.failure is None

    run(scenario())


def test_what_a_client_said_before_it_left_is_not_lost_by_a_reload() -> None:
    """No newer code has that client: the old run receives it all, and the client's own code."""

    async def scenario() -> None:
        got: list[Event] = []
        go_on = asyncio.Event()

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await go_on.wait()
            for _ in range(3):
                got.append(await receive())

        harness = StreamsHarness(app)
        await harness.opens("websocket")
        await harness.hears(Message(STREAM, b"a", True), Message(STREAM, b"b", True))
        await harness.hears(Disconnected(STREAM, 4001, "bye"), Detach(STREAM))
        go_on.set()
        await turns()
        assert [event.get("text", event.get("code")) for event in got] == ["a", "b", 4001]

    run(scenario())
