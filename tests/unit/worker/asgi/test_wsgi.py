"""A WSGI app's threads end when no client takes what they send."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from devserver.ipc.messages import (
    Closed,
    Detach,
    Disconnected,
    RequestBody,
    Respond,
    ResponseBody,
    WindowUpdate,
)
from devserver.worker.asgi.lifespan import Lifespan
from devserver.worker.asgi.wsgi import WSGI
from tests.fakes.asgi_streams import STREAM, StreamsHarness
from tests.fakes.clock import turns
from tests.fakes.master_link import FakeMasterLink

DEADLINE = 10.0


class NoisyLink(FakeMasterLink):
    """Wakes who waits for something to be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()

    def send(self, message: Any) -> None:
        super().send(message)
        self.news.set()


class Threaded(StreamsHarness):
    """A WSGI app with one thread."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = WSGI(app, 1)
        self._news = NoisyLink()
        super().__init__(self._app, threaded=True, link=self._news)

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until it has sent what is looked for."""
        while not done():
            self._news.news.clear()
            await self._news.news.wait()

    async def finished(self) -> None:
        """Return when its tasks and its thread have ended."""
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        await asyncio.to_thread(self._app.executor.shutdown)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(DEADLINE):
            await scenario()

    asyncio.run(main())


class Endless:
    """A response without an end, in pieces; notes that it was closed."""

    def __init__(self, *headers: tuple[str, str]) -> None:
        self.closed = threading.Event()
        self._headers = list(headers)

    def __call__(self, environ: Any, start_response: Any) -> Endless:
        start_response("200 OK", self._headers)
        return self

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b"x" * 50

    def close(self) -> None:
        self.closed.set()


def test_a_request_is_answered_by_a_thread() -> None:
    """With its body, and the state that WSGI knows."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read()
        start_response("201 Created", [("X-Path", environ["PATH_INFO"])])
        return [threading.current_thread().name.encode(), b" ", body]

    async def scenario() -> None:
        harness = Threaded(app)
        await harness.opens(method="POST", more=True)
        await harness.hears(RequestBody(STREAM, b"hel", True), RequestBody(STREAM, b"lo", False))
        await harness.finished()
        (head,) = harness.said(Respond)
        assert (head.status, head.headers) == (201, [(b"x-path", b"/p")])
        body = head.body + b"".join(part.data for part in harness.said(ResponseBody))
        assert body == b"WSGI_0 hello"
        assert harness.failure is None

    run(scenario)


def test_an_exception_of_the_app_s_is_its_failure() -> None:
    """As data, with its type."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise ValueError("no")

    async def scenario() -> None:
        harness = Threaded(app)
        await harness.opens()
        await harness.finished()
        assert harness.failure is not None
        assert (harness.failure.type, harness.failure.message) == ("ValueError", "no")

    run(scenario)


@pytest.mark.parametrize("order", [Disconnected(STREAM), Detach(STREAM)])
def test_a_thread_whose_client_has_left_ends(order: Disconnected | Detach) -> None:
    """Also one that waits for a client that reads slowly; its iterable is closed, and it has not failed."""
    app = Endless()

    async def scenario() -> None:
        harness = Threaded(app)
        await harness.opens(window=100)
        await harness.until(lambda: bool(harness.said(ResponseBody)))
        await harness.hears(WindowUpdate(STREAM, 100))
        await harness.hears(order)
        await harness.finished()
        assert app.closed.is_set()
        assert harness.failure is None

    run(scenario)


def test_a_thread_whose_response_is_cancelled_ends() -> None:
    """A Worker that has to leave waits for no thread without a listener."""
    app = Endless()

    async def scenario() -> None:
        harness = Threaded(app)
        await harness.opens(window=100)
        await harness.until(lambda: bool(harness.said(ResponseBody)))
        harness.jobs.cancelled = True
        harness.jobs.tasks[0].cancel()
        await harness.finished()
        assert app.closed.is_set()
        assert harness.said(Closed) == []

    run(scenario)


def test_a_thread_that_sends_more_than_it_said_ends_with_that_error() -> None:
    """It does not wait for ever for room in a line that is not emptied."""
    app = Endless(("Content-Length", "60"))

    async def scenario() -> None:
        harness = Threaded(app)
        await harness.opens()
        await harness.finished()
        assert app.closed.is_set()
        assert harness.failure is not None
        assert harness.failure.message == "Response content longer than Content-Length"

    run(scenario)


def test_a_request_that_is_cancelled_before_it_has_a_thread_ends() -> None:
    """The only thread is busy with another."""
    busy, goes_on = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        busy.set()
        goes_on.wait(DEADLINE)
        start_response("200 OK", [])
        return [b"done"]

    async def scenario() -> None:
        harness = Threaded(app)
        await harness.opens()
        await asyncio.to_thread(busy.wait, DEADLINE)
        before = asyncio.all_tasks()
        await harness.opens()
        harness.jobs.cancelled = True
        harness.jobs.tasks[1].cancel()
        await turns()
        assert asyncio.all_tasks() == before
        assert harness.jobs.tasks[1].done()
        goes_on.set()
        await harness.finished()
        assert harness.said(Respond)[0].status == 200
        assert len(harness.said(Closed)) == 1

    run(scenario)


def test_wsgi_has_a_lifespan_and_no_websockets() -> None:
    """The Worker is ready at once, and a WebSocket is refused."""

    async def scenario() -> None:
        harness = Threaded(lambda *_: [])
        life = Lifespan(harness._app)
        assert await life.start() is None
        assert await life.stop() is None
        await harness.opens("websocket")
        assert harness.said(Closed) == [Closed(STREAM)]
        assert [message.code for message in harness.link.sent if hasattr(message, "code")] == [1006]

    run(scenario)
