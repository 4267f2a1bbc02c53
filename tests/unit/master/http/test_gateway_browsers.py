"""What browsers meet at the front that other clients do not: event sources, forms, pages of other ports."""

from __future__ import annotations

import asyncio

import pytest

from devserver.common import events
from devserver.common.failure import Failure, Place
from devserver.ipc.messages import Respond
from tests.fakes.gateway import GatewayHarness, Headers
from tests.fakes.http_client import FakeClient

EVENT_STREAM = [(b"accept", b"text/event-stream")]
HTML = [(b"accept", b"text/html")]
FRONT_END = [(b"origin", b"http://localhost:5173"), (b"sec-fetch-site", b"same-site")]
BROKEN = Failure("check", "SyntaxError", "invalid syntax", Place("/project/main.py", 14))


def header(client: FakeClient, name: bytes) -> bytes | None:
    """Return a header of what the client got."""
    start = next(event for event in client.got if event["type"] == "http.response.start")
    return next((value for key, value in start["headers"] if key == name), None)


def test_an_event_source_waits_for_good_code() -> None:
    """A 503 would end it for good."""

    async def run() -> None:
        harness = GatewayHarness(live=0)
        harness.refuse(BROKEN)
        client = await harness.request("/events", headers=EVENT_STREAM)
        harness.refuse(BROKEN)
        assert client.got == []
        worker = harness.worker()
        harness.go_live(1)
        await asyncio.sleep(0)
        stream = worker.opened.stream
        await harness.hears(
            worker, Respond(stream, 200, [(b"content-type", b"text/event-stream")], more=True)
        )
        assert client.status == 200
        await client.leaves()

    asyncio.run(run())


def test_a_client_that_accepts_more_gets_the_error() -> None:
    """A program that reads the reason from the answer, for one; and a POST."""

    async def run() -> None:
        harness = GatewayHarness(live=0)
        harness.refuse(BROKEN)
        either = await harness.request(headers=[(b"accept", b"text/html, text/event-stream")])
        posted = await harness.request(method="POST", headers=EVENT_STREAM)
        assert (either.status, posted.status) == (503, 503)

    asyncio.run(run())


def test_the_page_after_a_form_does_not_say_that_it_reloads() -> None:
    """It reports that the form was not sent on, and what to do."""

    async def run() -> None:
        harness = GatewayHarness(live=0)
        harness.refuse(BROKEN)
        page = await harness.request(headers=HTML)
        form = await harness.request(method="POST", headers=HTML)
        assert b"reloads by itself" in page.body
        assert b"http-equiv" in page.body
        assert b"reloads by itself" not in form.body
        assert b"http-equiv" not in form.body
        assert b"Nothing was sent to the app" in form.body

    asyncio.run(run())


@pytest.mark.parametrize("accept", [b"text/html", b"application/json", b"*/*"])
def test_a_page_of_a_local_origin_reads_why_there_is_no_code(accept: bytes) -> None:
    """A front end on another port is the same author's."""

    async def run() -> None:
        harness = GatewayHarness(live=0)
        harness.refuse(BROKEN)
        client = await harness.request("/api", headers=[*FRONT_END, (b"accept", accept)])
        assert (client.status, b"SyntaxError" in client.body) == (503, True)
        assert header(client, b"access-control-allow-origin") == b"http://localhost:5173"
        assert header(client, b"access-control-allow-credentials") == b"true"
        assert header(client, b"vary") == b"Origin"

    asyncio.run(run())


def test_a_page_of_another_site_reads_nothing() -> None:
    """Neither the answer nor, if it could, the source."""

    async def run() -> None:
        harness = GatewayHarness(live=0)
        harness.refuse(BROKEN)
        evil: Headers = [(b"origin", b"https://evil.example"), (b"sec-fetch-site", b"cross-site")]
        client = await harness.request("/api", headers=evil)
        assert (client.status, b"SyntaxError" in client.body) == (503, False)
        assert header(client, b"access-control-allow-origin") is None

    asyncio.run(run())


def test_the_question_before_a_request_is_answered_while_there_is_no_code() -> None:
    """Else the browser never sends the request, whose answer has the reason."""

    async def run() -> None:
        harness = GatewayHarness(live=0)
        harness.refuse(BROKEN)
        asked: Headers = [
            (b"access-control-request-method", b"PUT"),
            (b"access-control-request-headers", b"content-type,x-token"),
        ]
        client = await harness.request("/api", method="OPTIONS", headers=[*FRONT_END, *asked])
        assert client.status == 204
        assert header(client, b"access-control-allow-origin") == b"http://localhost:5173"
        assert header(client, b"access-control-allow-methods") == b"PUT"
        assert header(client, b"access-control-allow-headers") == b"content-type,x-token"

    asyncio.run(run())


def test_a_page_of_a_local_origin_reads_that_its_host_is_refused() -> None:
    """Instead of a word about CORS."""

    async def run() -> None:
        harness = GatewayHarness()
        client = await harness.request(host=b"shop.example", headers=FRONT_END)
        assert (client.status, b"--allow-host shop.example" in client.body) == (403, True)
        assert header(client, b"access-control-allow-origin") == b"http://localhost:5173"

    asyncio.run(run())


def test_a_refused_host_is_named_on_the_console() -> None:
    """Once each."""

    async def run() -> None:
        harness = GatewayHarness()
        for host in (b"shop.example", b"shop.example", b"other.example"):
            await harness.request(host=host)
        texts = [event.text for event in harness.said(events.Notice)]
        assert len(texts) == 2
        assert "shop.example" in texts[0]
        assert "other.example" in texts[1]

    asyncio.run(run())


def test_answers_of_old_code_are_marked_after_a_refused_save() -> None:
    """With the place, for scripts and agents; not to another machine; no more once it is mended."""

    async def run() -> None:
        harness = GatewayHarness()
        worker = harness.worker()

        async def stale(address: str = "127.0.0.1") -> bytes | None:
            client = await harness.request(address=address)
            await harness.hears(worker, Respond(worker.opened.stream, 200, [], b"x"))
            return header(client, b"devserver-stale")

        assert await stale() is None
        refused = events.Refused(
            edit=1, generation=2, live=1, file="/project/main.py", line=14, failures=(BROKEN,)
        )
        harness.gateway.refresh.on_event(refused)
        assert await stale() == b"main.py:14"
        assert await stale("192.0.2.7") == b"?"
        harness.gateway.refresh.on_event(events.Restored(edit=2, live=1))
        assert await stale() is None

    asyncio.run(run())
