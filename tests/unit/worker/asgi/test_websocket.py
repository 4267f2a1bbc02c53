"""One WebSocket as the app sees it: what uvicorn would let it do, in uvicorn's words."""

from __future__ import annotations

import asyncio

import pytest

from devserver.ipc.messages import (
    Accept,
    Closed,
    Consumed,
    Disconnected,
    Message,
    Respond,
    ResponseBody,
    WebSocketClose,
    WebSocketSend,
    WindowUpdate,
)
from tests.fakes.asgi_streams import STREAM, Event, Receive, Says, Send, StreamsHarness, under_uvicorn
from tests.fakes.clock import run

ACCEPT: Event = {"type": "websocket.accept"}
CLOSE: Event = {"type": "websocket.close"}
REFUSE: Event = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"x", b"y")]}


def text(data: str) -> Event:
    return {"type": "websocket.send", "text": data}


def body(data: bytes, more: bool = False) -> Event:
    return {"type": "websocket.http.response.body", "body": data, "more_body": more}


@pytest.mark.parametrize(
    "messages",
    [
        (ACCEPT, text("a"), {"type": "websocket.send", "bytes": b"b"}, CLOSE),
        (text("a"),),
        ({"type": "http.response.start"},),
        (ACCEPT, ACCEPT),
        (ACCEPT, REFUSE),
        (ACCEPT, CLOSE, text("a")),
        (ACCEPT, CLOSE, CLOSE),
        (CLOSE, ACCEPT),
        (CLOSE, text("a")),
        ({**REFUSE, "status": 600},),
        ({**REFUSE, "status": 99},),
        (REFUSE, body(b"who ", more=True), body(b"are you")),
        (REFUSE, ACCEPT),
        (REFUSE, REFUSE),
    ],
)
def test_what_is_out_of_order_is_refused_as_by_uvicorn(messages: tuple[Event, ...]) -> None:
    """The same message is refused, with the same words."""

    async def scenario() -> None:
        app, same = Says(*messages), Says(*messages)
        await StreamsHarness(app).opens("websocket")
        await under_uvicorn(same, "websocket")
        assert app.refused == same.refused

    run(scenario())


@pytest.mark.parametrize("fields", [{"code": 1006}, {"code": 42}, {"reason": "x" * 124}])
def test_a_close_that_cannot_be_sent_is_refused_in_the_app(fields: Event) -> None:
    """Its traceback shows where, and the connection is the app's still."""

    async def scenario() -> None:
        app = Says(ACCEPT, {**CLOSE, **fields})
        harness = StreamsHarness(app)
        await harness.opens("websocket")
        assert app.refused is not None
        assert app.refused[0] == 1
        assert harness.said(WebSocketClose) == []

    run(scenario())


def test_a_conversation() -> None:
    """The events come in order, each taken as the app receives it."""

    async def scenario() -> None:
        got: list[Event] = []

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            got.append(await receive())
            await send({**ACCEPT, "subprotocol": "chat", "headers": [[b"a", b"b"]]})
            got.append(await receive())
            await send(text("ö"))
            got.append(await receive())
            await send({"type": "websocket.send", "bytes": bytearray(b"\xfe"), "text": None})
            got.append(await receive())

        harness = StreamsHarness(app)
        await harness.opens("websocket")
        await harness.hears(Message(STREAM, "ü".encode(), True), Message(STREAM, b"\xff", False))
        await harness.hears(Disconnected(STREAM, 4001, "bye"))
        assert got == [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "ü"},
            {"type": "websocket.receive", "bytes": b"\xff"},
            {"type": "websocket.disconnect", "code": 4001, "reason": "bye"},
        ]
        assert harness.link.sent == [
            Accept(STREAM, "chat", [(b"a", b"b")]),
            Consumed(STREAM, 1),
            WebSocketSend(STREAM, "ö".encode(), True),
            Consumed(STREAM, 1),
            WebSocketSend(STREAM, b"\xfe", False),
            Closed(STREAM),
        ]

    run(scenario())


def test_a_receive_that_is_given_up_takes_no_message() -> None:
    """A timeout around `receive` loses nothing."""

    async def scenario() -> None:
        got: list[Event] = []

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            waits = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            waits.cancel()
            await asyncio.wait([waits])
            got.append(await receive())

        harness = StreamsHarness(app)
        await harness.opens("websocket")
        await harness.hears(Message(STREAM, b"a", True))
        assert [event["text"] for event in got] == ["a"]
        assert harness.said(Consumed) == [Consumed(STREAM, 1)]

    run(scenario())


def test_the_apps_own_close_is_what_it_receives_after_it() -> None:
    """As under uvicorn: code and reason of its own."""

    async def scenario() -> None:
        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await send({**CLOSE, "code": 4000, "reason": None})
            assert (await receive())["code"] == 4000

        harness = StreamsHarness(app)
        await harness.opens("websocket")
        assert harness.failure is None
        assert harness.said(WebSocketClose) == [WebSocketClose(STREAM, 4000, "")]

    run(scenario())


def test_a_refusal_of_the_apps_own_travels_whole() -> None:
    """Status and headers go with the first of the body."""

    async def scenario() -> None:
        harness = StreamsHarness(Says(REFUSE, body(b"who ", more=True), body(b"are you")))
        await harness.opens("websocket")
        assert harness.link.sent == [
            Respond(STREAM, 401, [(b"x", b"y")], b"who ", more=True),
            ResponseBody(STREAM, b"are you", more=False),
            Closed(STREAM),
        ]

    run(scenario())


def test_an_app_sends_no_further_than_its_credit() -> None:
    """Not even a close overtakes what a slow client has yet to read; what comes after it is refused."""

    async def scenario() -> None:
        app = Says(ACCEPT, text("x" * 100), text("y" * 100), CLOSE, text("z"))
        harness = StreamsHarness(app)
        await harness.opens("websocket", window=100)
        assert len(harness.said(WebSocketSend)) == 1
        await harness.hears(WindowUpdate(STREAM, 100))
        assert len(harness.said(WebSocketSend)) == 2
        await harness.hears(WindowUpdate(STREAM, 1))
        assert app.refused is not None
        assert app.refused[2] == "Unexpected ASGI message 'websocket.send', after sending 'websocket.close'."
        assert harness.over

    run(scenario())


def test_a_client_that_left_ends_what_waits_for_credit() -> None:
    """`send` raises as uvicorn's; that is no failure."""

    async def scenario() -> None:
        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            while True:
                await send(text("x" * 100))

        harness = StreamsHarness(app)
        await harness.opens("websocket", window=100)
        assert not harness.over
        await harness.hears(Disconnected(STREAM, 1001, ""))
        assert harness.failure is None

    run(scenario())
