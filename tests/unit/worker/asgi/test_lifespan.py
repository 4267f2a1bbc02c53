"""The app's lifespan: what start-up and shutdown come to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from devserver.common.failure import Failure
from devserver.worker.asgi import lifespan
from devserver.worker.asgi.lifespan import Lifespan
from tests.fakes.asgi_streams import Event, Receive, Send
from tests.fakes.clock import passes, run, turns

STARTED: Event = {"type": "lifespan.startup.complete"}
NOT_STARTED: Event = {"type": "lifespan.startup.failed"}
STOPPED: Event = {"type": "lifespan.shutdown.complete"}
NOT_STOPPED: Event = {"type": "lifespan.shutdown.failed"}
Course = Callable[[Receive, Send], Awaitable[None]]


def of(course: Course) -> Lifespan:
    """Return the lifespan of an app that does just that."""

    async def app(scope: Event, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await course(receive, send)

    return Lifespan(app)


async def course(receive: Receive, send: Send, *, started: Event = STARTED, stopped: Event = STOPPED) -> None:
    assert (await receive())["type"] == "lifespan.startup"
    await send(started)
    assert (await receive())["type"] == "lifespan.shutdown"
    await send(stopped)


def test_start_up_and_shutdown_run_once_each() -> None:
    """And what the app left in its state is there for its requests."""

    async def scenario() -> None:
        async def app(scope: Event, receive: Receive, send: Send) -> None:
            scope["state"]["pool"] = "open"
            await course(receive, send)
            scope["state"]["pool"] = "closed"

        life = Lifespan(app)
        assert await life.start() is None
        assert life.state == {"pool": "open"}
        assert await life.stop() is None
        await turns()
        assert life.state == {"pool": "closed"}
        assert await life.stop() is None

    run(scenario())


async def raises_at_once(receive: Receive, send: Send) -> None:
    raise KeyError("type")


async def returns_at_once(receive: Receive, send: Send) -> None:
    pass


async def speaks_otherwise(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start"})


@pytest.mark.parametrize("course", [raises_at_once, returns_at_once, speaks_otherwise])
def test_an_app_that_knows_no_lifespan_is_none_the_worse(course: Course) -> None:
    """As with uvicorn's --lifespan auto."""

    async def scenario() -> None:
        life = of(course)
        assert await life.start() is None
        assert await life.stop() is None

    run(scenario())


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({}, "the app's lifespan reported that start-up failed"),
        ({"message": "Traceback: no database"}, "Traceback: no database"),
    ],
)
def test_a_start_up_that_the_app_declares_failed_is_a_failed_boot(message: Event, expected: str) -> None:
    """Its words are shown; it may still raise the error itself, but is not waited for long."""

    async def scenario() -> None:
        async def hangs(receive: Receive, send: Send) -> None:
            await send({**NOT_STARTED, **message})
            await receive()
            await receive()

        life = of(hangs)
        starting = asyncio.ensure_future(life.start())
        await turns()
        assert not starting.done()
        await passes(lifespan.RAISES_WITHIN)
        assert await starting == Failure("start-up", "StartupFailed", expected)
        assert life._task is not None
        life._task.cancel()
        await turns()

    run(scenario())


def test_the_error_itself_is_better_than_the_words() -> None:
    """Starlette tells, and then raises: the traceback is shown at once."""

    async def scenario() -> None:
        async def tells_and_raises(receive: Receive, send: Send) -> None:
            await send({**NOT_STARTED, "message": "Traceback …"})
            raise ConnectionError("no database")

        failure = await of(tells_and_raises).start()
        assert failure is not None
        assert (failure.phase, failure.type, failure.message) == (
            "start-up",
            "ConnectionError",
            "no database",
        )

    run(scenario())


@pytest.mark.parametrize("error", [SystemExit("no database"), KeyboardInterrupt()])
def test_an_app_that_exits_in_its_start_up_has_failed(error: BaseException) -> None:
    """It is no app without a lifespan."""

    async def scenario() -> None:
        async def exits(receive: Receive, send: Send) -> None:
            raise error

        failure = await of(exits).start()
        assert failure is not None
        assert failure.type == type(error).__name__

    run(scenario())


@pytest.mark.parametrize(
    ("message", "expected"),
    [({}, "the app's lifespan reported that shutdown failed"), ({"message": "no"}, "no")],
)
def test_a_shutdown_that_the_app_declares_failed_is_shown(message: Event, expected: str) -> None:
    """The Worker leaves all the same."""

    async def scenario() -> None:
        async def fails(receive: Receive, send: Send) -> None:
            await course(receive, send, stopped={**NOT_STOPPED, **message})

        life = of(fails)
        assert await life.start() is None
        assert await life.stop() == Failure("stop", "ShutdownFailed", expected)
        await turns()

    run(scenario())


def test_a_shutdown_that_raises_is_shown() -> None:
    """With its type and message."""

    async def scenario() -> None:
        async def raises(receive: Receive, send: Send) -> None:
            await receive()
            await send(STARTED)
            await receive()
            raise ValueError("still open")

        life = of(raises)
        await life.start()
        failure = await life.stop()
        assert failure is not None
        assert (failure.phase, failure.message) == ("stop", "still open")

    run(scenario())


def test_a_lifespan_that_broke_off_before_is_shown_at_the_end() -> None:
    """A background task of the app's that has failed is not lost silently."""

    async def scenario() -> None:
        breaks = asyncio.Event()

        async def breaks_off(receive: Receive, send: Send) -> None:
            await receive()
            await send(STARTED)
            await breaks.wait()
            raise ValueError("the queue is gone")

        life = of(breaks_off)
        assert await life.start() is None
        breaks.set()
        await turns()
        failure = await life.stop()
        assert failure is not None
        assert failure.message == "the queue is gone"

    run(scenario())


def test_without_a_start_there_is_nothing_to_stop() -> None:
    """A Worker whose hook failed has not begun the lifespan."""

    async def scenario() -> None:
        assert await of(course).stop() is None

    run(scenario())
