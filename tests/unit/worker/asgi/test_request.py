"""One HTTP request as the app sees it: what uvicorn would let it do, in uvicorn's words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from devserver.ipc.messages import (
    Closed,
    Consumed,
    Detach,
    Disconnected,
    RequestBody,
    Respond,
    ResponseBody,
    WindowUpdate,
)
from tests.fakes.asgi_streams import STREAM, Event, Receive, Says, Send, StreamsHarness, under_uvicorn
from tests.fakes.clock import run, turns


def start(*headers: tuple[bytes, bytes], status: int = 200) -> Event:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes = b"", more: bool = False) -> Event:
    return {"type": "http.response.body", "body": data, "more_body": more}


def length(size: int) -> tuple[bytes, bytes]:
    return (b"Content-Length", b"%d" % size)


CHUNKED = (b"transfer-encoding", b"Chunked")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "messages",
    [
        (start(), body(b"a")),
        (start(), body(b"a"), body(b"b")),
        (start(), body(b"a"), start()),
        (start(), start()),
        (body(b"a"),),
        ({"type": "websocket.accept"},),
        (start(), {"type": "http.response.trailers"}),
        (start(length(1)), body(b"ab")),
        (start(length(3)), body(b"a", more=True), body(b"b")),
        (start(length(3)), body(b"a", more=True), body(b"bc")),
        (start(length(1), CHUNKED), body(b"ab")),
        (start(CHUNKED, length(1)), body(b"ab")),
        (start(length(1), length(2)), body(b"ab")),
        (start(status=204), body()),
        (start(status=204), body(b"a")),
        (start(status=304), body(b"a")),
        (start(length(5), status=304), body()),
        (start(CHUNKED, status=204), body(b"a")),
        (start((b"a b", b"c")),),
        (start((b"a\\b", b"c")),),
        (start((b"a[b", b"c")),),
        (start((b"a", b"b\nc")),),
        (start((b"a", b"b\tc")), body()),
        (start((b"content-length", b"x")),),
    ],
)
def test_what_is_out_of_order_is_refused_as_by_uvicorn(messages: tuple[Event, ...], method: str) -> None:
    """The same message is refused, with the same words."""

    async def scenario() -> None:
        app, same = Says(*messages), Says(*messages)
        await StreamsHarness(app).opens(method=method)
        await under_uvicorn(same, method=method)
        assert app.refused == same.refused

    run(scenario())


def test_a_small_answer_is_one_message() -> None:
    """Head and body leave together, and the end of the unit with them."""

    async def app(scope: Event, receive: Receive, send: Send) -> None:
        await send(start((b"x", b"y"), status=201))
        await send(body(b"hello"))

    async def scenario() -> None:
        harness = StreamsHarness(app)
        await harness.opens()
        assert harness.link.sent == [Respond(STREAM, 201, [(b"x", b"y")], b"hello"), Closed(STREAM)]

    run(scenario())


def test_a_head_does_not_wait_for_a_body_that_is_long_in_coming() -> None:
    """The client sees the status while the app still works."""

    async def scenario() -> None:
        go_on = asyncio.Event()

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await send(start())
            await go_on.wait()
            await send(body(b"late"))

        harness = StreamsHarness(app)
        await harness.opens()
        assert harness.link.sent == [Respond(STREAM, 200, [], b"", more=True)]
        go_on.set()
        await turns()
        assert harness.link.sent[1:] == [ResponseBody(STREAM, b"late", more=False), Closed(STREAM)]

    run(scenario())


def test_an_answer_to_head_has_no_body() -> None:
    """Whatever the app sends of one."""

    async def scenario() -> None:
        harness = StreamsHarness(Says(start(length(5)), body(b"hello")))
        await harness.opens(method="HEAD")
        assert harness.said(Respond) == [Respond(STREAM, 200, [length(5)], b"")]

    run(scenario())


def test_a_status_that_is_invalid_is_refused_in_the_app() -> None:
    """Its traceback shows where it was sent."""

    async def scenario() -> None:
        app = Says(start(status=1000))
        await StreamsHarness(app).opens()
        assert app.refused == (0, "RuntimeError", "Invalid HTTP status code '1000' in response.")

    run(scenario())


# what comes in


def test_a_body_is_received_as_it_comes() -> None:
    """What was taken earns the client room; after the end `receive` waits for the client to leave."""

    async def scenario() -> None:
        got: list[Event] = []

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            for _ in range(3):
                got.append(await receive())

        harness = StreamsHarness(app)
        await harness.opens(method="POST", more=True)
        assert got == []
        await harness.hears(RequestBody(STREAM, b"a", True), RequestBody(STREAM, b"b", True))
        assert got == [{"type": "http.request", "body": b"ab", "more_body": True}]
        assert harness.said(Consumed) == [Consumed(STREAM, 2)]
        await harness.hears(RequestBody(STREAM, b"", True))
        await harness.hears(RequestBody(STREAM, b"c", False))
        assert got[1:] == [{"type": "http.request", "body": b"c", "more_body": False}]
        await harness.hears(Disconnected(STREAM))
        assert got[2:] == [{"type": "http.disconnect"}]
        assert harness.failure is None

    run(scenario())


def test_a_body_that_waits_to_be_asked_for_is_asked_for_by_receive() -> None:
    """Once, and not before."""

    async def scenario() -> None:
        wants = asyncio.Event()

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await wants.wait()
            await receive()
            await receive()

        harness = StreamsHarness(app)
        await harness.opens(method="PUT", more=True, waits=True)
        assert harness.said(Consumed) == []
        wants.set()
        await turns()
        assert harness.said(Consumed) == [Consumed(STREAM, 0)]
        await harness.hears(RequestBody(STREAM, b"abc", True))
        assert harness.said(Consumed) == [Consumed(STREAM, 0), Consumed(STREAM, 3)]
        await harness.hears(Disconnected(STREAM))
        assert harness.over

    run(scenario())


def test_two_that_wait_for_the_client_both_learn_that_it_left() -> None:
    """A framework's watcher and the app's own."""

    async def scenario() -> None:
        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            both = await asyncio.gather(receive(), receive())
            assert list(both) == [{"type": "http.disconnect"}] * 2

        harness = StreamsHarness(app)
        await harness.opens()
        assert not harness.over
        await harness.hears(Disconnected(STREAM))
        assert harness.failure is None

    run(scenario())


def test_who_waits_for_the_client_is_released_by_the_end_of_the_answer() -> None:
    """As under uvicorn: a watcher does not outlive the response."""

    async def scenario() -> None:
        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            watcher = asyncio.ensure_future(receive())
            await send(start())
            await send(body())
            assert await watcher == {"type": "http.disconnect"}

        harness = StreamsHarness(app)
        await harness.opens()
        assert harness.failure is None

    run(scenario())


# what goes out


def sent(harness: StreamsHarness) -> int:
    """Return how many bytes of a body have left."""
    first = sum(len(message.body) for message in harness.said(Respond))
    return first + sum(len(message.data) for message in harness.said(ResponseBody))


def test_an_app_sends_no_further_than_its_credit() -> None:
    """It waits for a slow client, and goes on where credit comes."""

    async def scenario() -> None:
        harness = StreamsHarness(
            Says(start(), *(body(b"x" * 60, more=True) for _ in range(4)), body(b"x" * 160))
        )
        await harness.opens(window=100)
        for granted in (100, 200, 300):
            assert sent(harness) == granted
            assert not harness.over
            await harness.hears(WindowUpdate(STREAM, 100))
        assert sent(harness) == 400
        assert harness.said(ResponseBody)[-1].more is False
        assert harness.over

    run(scenario())


def test_what_is_sent_after_a_large_answer_is_refused_and_does_not_wait() -> None:
    """It took all the credit, and none comes any more once the answer is complete."""

    async def scenario() -> None:
        app = Says(start(), body(b"x" * 100), body(b"more"))
        harness = StreamsHarness(app)
        await harness.opens(window=100)
        assert app.refused is not None
        assert app.refused[2].endswith("sent, after response already completed.")
        assert harness.over

    run(scenario())


@pytest.mark.parametrize("threaded", [False, True])
def test_what_is_sent_to_a_client_that_left_is_dropped(threaded: bool) -> None:
    """Silently as under uvicorn; a thread gets an exception, so that it ends."""

    async def scenario() -> None:
        app: Any = Says(start(), body(b"x" * 200, more=True), body(b"more", more=True), body())
        harness = StreamsHarness(app, threaded=threaded)
        await harness.opens(window=100)
        assert not harness.over
        await harness.hears(Disconnected(STREAM))
        assert harness.over
        assert app.refused == ((2, "ClientDisconnected", "") if threaded else None)
        assert sent(harness) == 100
        assert harness.failure is None

    run(scenario())


def test_an_app_whose_response_goes_on_elsewhere_sees_a_client_that_left() -> None:
    """It ends as it would for any client."""

    async def scenario() -> None:
        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await send(start())
            await send(body(b"x", more=True))
            assert await receive() == {"type": "http.disconnect"}
            await send(body(b"y", more=True))

        harness = StreamsHarness(app)
        await harness.opens()
        await harness.hears(Detach(STREAM))
        assert harness.failure is None
        assert harness.said(ResponseBody) == []

    run(scenario())
