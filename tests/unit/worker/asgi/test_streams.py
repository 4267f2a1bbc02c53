"""How a run of the app ends, and what is reported of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from devserver.common.failure import Failure
from devserver.ipc.messages import Closed, Detach, Disconnected, Message, Respond
from devserver.worker.asgi.streams import CANCEL_AFTER
from tests.fakes.asgi_streams import STREAM, App, Event, KeptRecords, Receive, Says, Send, StreamsHarness
from tests.fakes.clock import passes, run, turns

START: Event = {"type": "http.response.start", "status": 200, "headers": []}
BODY: Event = {"type": "http.response.body", "body": b"x", "more_body": True}
ACCEPT: Event = {"type": "websocket.accept"}


@pytest.fixture
def errors() -> Iterator[list[logging.LogRecord]]:
    """What an app's handler on uvicorn.error sees."""
    logger = logging.getLogger("uvicorn.error")
    records, level = KeptRecords(), logger.level
    logger.addHandler(records)
    logger.setLevel(logging.DEBUG)
    yield records.kept
    logger.removeHandler(records)
    logger.setLevel(level)


async def failure_of(app: App, kind: str = "http") -> tuple[Failure | None, StreamsHarness]:
    harness = StreamsHarness(app)
    await harness.opens(kind)
    return harness.failure, harness


def raising(error: BaseException, *before: Event) -> App:
    async def app(scope: Event, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        raise error

    return app


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()]
)
@pytest.mark.parametrize("before", [(), (START,), (START, BODY)])
def test_what_the_app_raises_fails_the_request_and_not_the_worker(
    error: BaseException, before: tuple[Event, ...], errors: list[logging.LogRecord]
) -> None:
    """It is reported as data, and to the app's own handlers in uvicorn's words."""

    async def scenario() -> None:
        failure, harness = await failure_of(raising(error, *before))
        assert failure is not None
        assert failure.type.endswith(type(error).__name__)
        assert failure.phase == "request"
        assert len(harness.said(Respond)) == bool(before), "what was sent before is on its way"
        assert isinstance(harness.link.sent[-1], Closed)
        (record,) = errors
        assert record.getMessage() == "Exception in ASGI application\n"
        assert record.exc_info is not None
        assert record.exc_info[1] is error

    run(scenario())


@pytest.mark.parametrize(
    ("messages", "kind", "complaint"),
    [
        ((), "http", "ASGI callable returned without starting response."),
        ((START,), "http", "ASGI callable returned without completing response."),
        ((START, BODY), "http", "ASGI callable returned without completing response."),
        ((), "websocket", "ASGI callable returned without completing handshake."),
    ],
)
def test_an_app_that_does_not_finish_gets_uvicorns_error(
    messages: tuple[Event, ...], kind: str, complaint: str, errors: list[logging.LogRecord]
) -> None:
    """In the log of the app, and on the console."""

    async def scenario() -> None:
        failure, _ = await failure_of(Says(*messages), kind)
        assert failure == Failure("request", "ASGI", complaint)
        assert [record.getMessage() for record in errors] == [complaint]

    run(scenario())


def test_an_app_that_returns_something_is_an_error() -> None:
    """It may have taken ASGI for WSGI."""

    async def app(scope: Event, receive: Receive, send: Send) -> Any:
        await send(START)
        await send({**BODY, "more_body": False})
        return [b"hello"]

    async def scenario() -> None:
        failure, harness = await failure_of(app)
        assert failure is not None
        assert failure.message == "ASGI callable should return None, but returned '[b'hello']'."
        assert harness.said(Respond) == [Respond(STREAM, 200, [], b"x")]

    run(scenario())


def test_each_request_has_a_copy_of_the_lifespans_state() -> None:
    """What one of them puts there, the others do not see."""

    async def scenario() -> None:
        seen: list[dict[str, Any]] = []

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            seen.append(dict(scope["state"]))
            scope["state"]["mine"] = 1

        harness = StreamsHarness(app, state={"pool": "p"})
        await harness.opens()
        await harness.opens()
        assert seen == [{"pool": "p"}] * 2

    run(scenario())


def test_orders_for_a_stream_that_has_ended_come_late() -> None:
    """They belong to no run any more."""

    async def scenario() -> None:
        harness = StreamsHarness(Says(START, {**BODY, "more_body": False}))
        await harness.opens()
        said = list(harness.link.sent)
        await harness.hears(Detach(STREAM), Disconnected(STREAM))
        await passes(60.0)
        assert harness.link.sent == said

    run(scenario())


# newer code


async def naive(scope: Event, receive: Receive, send: Send) -> None:
    """Do what a framework's loop around `receive_text` does."""
    await receive()
    await send(ACCEPT)
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            raise ConnectionError(event["code"])


async def pushing(scope: Event, receive: Receive, send: Send) -> None:
    """Do what a framework does that has its own words for a client that left."""
    await receive()
    await send(ACCEPT)
    try:
        while True:
            await asyncio.sleep(1.0)
            await send({"type": "websocket.send", "text": "tick"})
    except OSError as error:
        raise ConnectionError("gone") from error


@pytest.mark.parametrize("app", [naive, pushing])
def test_what_an_app_raises_because_of_a_reload_is_no_failure(
    app: App, errors: list[logging.LogRecord]
) -> None:
    """No traceback at each save; at the level DEBUG there is one."""

    async def scenario() -> None:
        harness = StreamsHarness(app)
        await harness.opens("websocket")
        await harness.hears(Message(STREAM, b"a", True))
        await harness.hears(Detach(STREAM))
        await passes(1.0)
        assert harness.failure is None
        assert [record.levelname for record in errors if record.exc_info] == ["DEBUG"]

    run(scenario())


@pytest.mark.parametrize("app", [naive, pushing])
def test_what_an_app_raises_because_its_client_left_is_shown_as_under_uvicorn(app: App) -> None:
    """That is the app's own affair, reload or not."""

    async def scenario() -> None:
        harness = StreamsHarness(app)
        await harness.opens("websocket")
        await harness.hears(Disconnected(STREAM, 1001, ""), Detach(STREAM))
        await passes(1.0)
        assert harness.failure is not None
        assert harness.failure.type == "ConnectionError"

    run(scenario())


def test_what_a_request_raises_because_its_client_left_is_shown_as_under_uvicorn() -> None:
    """The detach that comes later for a response that is not read excuses nothing."""

    async def scenario() -> None:
        go_on = asyncio.Event()

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await receive()
            await go_on.wait()
            assert (await receive())["type"] == "http.disconnect"
            raise ConnectionError

        harness = StreamsHarness(app)
        await harness.opens()
        await harness.hears(Disconnected(STREAM), Detach(STREAM))
        go_on.set()
        await turns()
        assert harness.failure is not None

    run(scenario())


def test_an_error_in_the_message_in_hand_is_a_failure_even_after_a_detach() -> None:
    """The app did not know of the reload: it is its own fault."""

    async def scenario() -> None:
        go_on = asyncio.Event()

        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()
            await go_on.wait()
            raise ValueError("a bug")

        harness = StreamsHarness(app)
        await harness.opens("websocket")
        await harness.hears(Message(STREAM, b"a", True))
        await harness.hears(Detach(STREAM))
        go_on.set()
        await turns()
        assert harness.failure is not None

    run(scenario())


def test_a_request_whose_response_goes_on_elsewhere_may_raise() -> None:
    """What it raises on the disconnect, or when it is cancelled, is no failure."""

    async def scenario() -> None:
        async def told(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await send(START)
            await receive()
            raise ConnectionError

        async def cancelled(scope: Event, receive: Receive, send: Send) -> None:
            await send(START)
            try:
                await asyncio.Event().wait()
            finally:
                raise ConnectionError

        for app in (told, cancelled):
            harness = StreamsHarness(app)
            await harness.opens()
            await harness.hears(Detach(STREAM))
            await passes(CANCEL_AFTER + 0.1)
            assert harness.failure is None

    run(scenario())


def test_a_request_that_is_cancelled_because_the_worker_is_ended_is_not_over() -> None:
    """Its process ends with it in hand, so the Master may run it elsewhere; by anybody else it is a fault."""

    async def scenario() -> None:
        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await asyncio.Event().wait()

        for leaving in (True, False):
            harness = StreamsHarness(app)
            await harness.opens()
            harness.jobs.cancelled = leaving
            harness.jobs.tasks[0].cancel()
            await turns()
            assert harness.jobs.tasks[0].done()
            assert [message.failure is not None for message in harness.said(Closed)] == [True] * (not leaving)

    run(scenario())


def test_a_request_that_is_detached_twice_is_over_once() -> None:
    """Two reloads in a row."""

    async def scenario() -> None:
        async def app(scope: Event, receive: Receive, send: Send) -> None:
            await receive()
            await receive()

        harness = StreamsHarness(app)
        await harness.opens()
        await harness.hears(Detach(STREAM), Detach(STREAM))
        await passes(60.0)
        assert len(harness.said(Closed)) == 1

    run(scenario())
