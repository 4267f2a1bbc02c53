"""What a browser shows of a request in which the app raised: our page, if the app has none of its own."""

from __future__ import annotations

from typing import Any

import pytest

from devserver.common.failure import Failure, Frame, Place
from devserver.config import HttpConfig
from devserver.ipc.messages import Closed, Headers, Respond, ResponseBody
from tests.fakes.clock import passes, run, turns
from tests.fakes.gateway import GatewayHarness
from tests.fakes.http_client import FakeClient
from tests.fakes.worker import FakeWorker

NAVIGATION: Headers = [
    (b"accept", b"text/html"),
    (b"sec-fetch-dest", b"document"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-site", b"none"),
]
TEXT = (b"content-type", b"text/plain; charset=utf-8")
HTML = (b"content-type", b"text/html; charset=utf-8")
PLAIN = b"Internal Server Error"
RAISED = Failure(
    "request",
    "ValueError",
    "no <such> thing",
    Place("/project/app.py", 3, excerpt="def page():\n    raise ValueError('no <such> thing')", first=2),
    (Frame("/project/app.py", 3, "page", "raise ValueError('no <such> thing')"),),
)


class OneRequest:
    """One request to an app that is live."""

    def __init__(self, **http: Any) -> None:
        self.harness = GatewayHarness(HttpConfig(**http))
        self.worker: FakeWorker = self.harness.worker()
        self.client: FakeClient

    async def ask(self, headers: Headers, **more: Any) -> int:
        """Have it asked for; return the number of the stream."""
        self.client = await self.harness.request(headers=headers, **more)
        return self.worker.opened.stream

    async def worker_sends(self, *news: Any) -> None:
        await self.harness.hears(self.worker, *news)


def shown(client: FakeClient) -> bool:
    """Return whether the client got our page."""
    return client.status == 500 and b"ValueError" in client.body and b"no &lt;such&gt; thing" in client.body


@pytest.mark.parametrize(
    "answer",
    [
        None,
        (TEXT, PLAIN),
        ((b"content-type", b"text/plain"), PLAIN + b"\n"),
        (HTML, b"<h1>Internal Server Error</h1>"),
        ((b"content-type", b"application/json"), b'{"status_code":500,"detail":"Internal Server Error"}'),
    ],
)
def test_a_500_without_a_page_of_the_apps_shows_the_error(answer: tuple[Any, bytes] | None) -> None:
    """Whether the app has answered with no more than the words, or with nothing."""

    async def scenario() -> None:
        request = OneRequest()
        stream = await request.ask(NAVIGATION)
        if answer is not None:
            await request.worker_sends(Respond(stream, 500, [answer[0]], answer[1]))
            assert request.client.got == []
        await request.worker_sends(Closed(stream, RAISED))
        assert shown(request.client)
        assert b'<script src="/__devserver__/refresh.js' in request.client.body
        assert request.client.complete

    run(scenario())


def test_words_that_come_apart_from_their_head_are_words_too() -> None:
    """As some frameworks send them."""

    async def scenario() -> None:
        request = OneRequest()
        stream = await request.ask(NAVIGATION)
        await request.worker_sends(
            Respond(stream, 500, [TEXT], b"", more=True), ResponseBody(stream, PLAIN, False)
        )
        await request.worker_sends(Closed(stream, RAISED))
        assert shown(request.client)

    run(scenario())


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (500, [HTML], b"<h1>Oh no</h1><p>Our own page."),
        (500, [(b"content-type", b"application/json")], b'{"error": 17}'),
        (500, [HTML, (b"content-encoding", b"gzip")], PLAIN),
        (503, [TEXT], PLAIN),
        (200, [TEXT], PLAIN),
    ],
)
def test_a_page_of_the_apps_own_is_what_is_shown(status: int, headers: Headers, body: bytes) -> None:
    """At once, not only when the app has returned."""

    async def scenario() -> None:
        request = OneRequest()
        stream = await request.ask(NAVIGATION)
        await request.worker_sends(Respond(stream, status, headers, body))
        assert request.client.status == status
        assert request.client.body.endswith(body)
        await request.worker_sends(Closed(stream, RAISED))
        assert request.client.body.endswith(body)

    run(scenario())


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ([(b"accept", b"application/json")], {}),
        ([(b"accept", b"text/html")], {}),
        ([*NAVIGATION[:1], (b"sec-fetch-dest", b"empty"), (b"sec-fetch-mode", b"cors")], {}),
        ([*NAVIGATION[:1], (b"sec-fetch-dest", b"iframe"), (b"sec-fetch-mode", b"navigate")], {}),
        (NAVIGATION, {"address": "192.0.2.7"}),
        ([*NAVIGATION, (b"x-forwarded-for", b"203.0.113.7")], {}),
    ],
)
def test_nobody_else_is_shown_it(headers: Headers, more: dict[str, Any]) -> None:
    """Programs, scripts, frames and other machines get what uvicorn would have sent, byte for byte."""

    async def scenario() -> None:
        request = OneRequest()
        stream = await request.ask(headers, **more)
        await request.worker_sends(Respond(stream, 500, [TEXT], PLAIN), Closed(stream, RAISED))
        assert request.client.body == PLAIN
        stream = await request.ask(headers, **more)
        await request.worker_sends(Closed(stream, RAISED))
        assert (request.client.status, request.client.body) == (500, PLAIN)

    run(scenario())


def test_it_can_be_switched_off() -> None:
    """--no-error-page."""

    async def scenario() -> None:
        request = OneRequest(error_page=False)
        stream = await request.ask(NAVIGATION)
        await request.worker_sends(Respond(stream, 500, [TEXT], PLAIN), Closed(stream, RAISED))
        assert request.client.body == PLAIN

    run(scenario())


def test_a_500_that_nobody_raised_is_passed_on() -> None:
    """When the app has returned; or soon, if it goes on after its answer."""

    async def scenario() -> None:
        request = OneRequest()
        stream = await request.ask(NAVIGATION)
        await request.worker_sends(Respond(stream, 500, [TEXT], PLAIN), Closed(stream))
        assert request.client.body == PLAIN
        stream = await request.ask(NAVIGATION)
        await request.worker_sends(Respond(stream, 500, [TEXT], PLAIN))
        assert request.client.got == []
        await passes(1.0)
        await turns()
        assert request.client.body == PLAIN
        await request.worker_sends(Closed(stream, RAISED))
        assert request.client.body == PLAIN

    run(scenario())


def test_a_worker_that_dies_before_it_has_said_why_leaves_the_words() -> None:
    """They were its whole answer."""

    async def scenario() -> None:
        request = OneRequest()
        stream = await request.ask(NAVIGATION)
        await request.worker_sends(Respond(stream, 500, [TEXT], PLAIN))
        request.harness.kill(request.worker)
        await turns()
        assert request.client.body == PLAIN

    run(scenario())
