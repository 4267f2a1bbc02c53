"""Requests are reported with what a user asks of them, and cost next to nothing."""

from __future__ import annotations

import pytest

from devserver.common import events
from devserver.common.events import Request, Requests
from devserver.common.failure import Failure
from devserver.ipc.messages import Closed, Respond
from devserver.master.http.request_log import LONGEST, MOST_SHOWN, PAUSE, full_path
from tests.fakes.clock import passes, run
from tests.fakes.gateway import GatewayHarness

BROKEN = Failure("request", "ZeroDivisionError", "division by zero")
EVENTS = [(b"content-type", b"text/event-stream")]


def told(harness: GatewayHarness) -> list[tuple[str, int]]:
    return [(each.path, each.status) for news in harness.said(Requests) for each in news.requests]


def test_an_answered_request_is_reported() -> None:
    """With its method, path, query, status and the code that ran it."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        await harness.request("/items", query=b"page=2")
        await harness.hears(worker, Respond(1, 201, [], b""), Closed(1))
        assert harness.said(Requests) == []
        await passes(PAUSE)
        (news,) = harness.said(Requests)
        (request,) = news.requests
        assert (request.method, request.path, request.status, request.generation) == (
            "GET",
            "/items?page=2",
            201,
            1,
        )
        assert (news.count, news.failed) == (1, 0)

    run(scenario())


@pytest.mark.parametrize("answers_first", [True, False])
def test_a_failure_names_its_request_and_follows_it(answers_first: bool) -> None:
    """The request's line comes first, then the failure, whether the app has answered 500 itself or not."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        await harness.request("/boom")
        if answers_first:
            await harness.hears(worker, Respond(1, 500, [], b"sorry"))
        await harness.hears(worker, Closed(1, BROKEN))
        kinds = [
            type(event) for event in harness.events if isinstance(event, Requests | events.HandlerFailed)
        ]
        assert kinds == [Requests, events.HandlerFailed]
        (failed,) = harness.said(events.HandlerFailed)
        assert (failed.request, failed.status) == ("GET /boom", 500)
        await passes(PAUSE)
        assert told(harness) == [("/boom", 500)]
        assert harness.said(Requests)[0].failed == 1

    run(scenario())


def test_an_event_stream_is_reported_when_it_begins() -> None:
    """A stream that stays open is on the screen at once, and only once."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request("/events")
        await harness.hears(worker, Respond(1, 200, EVENTS, b"data: x\n\n", more=True))
        await passes(PAUSE)
        assert told(harness) == [("/events", 200)]
        await client.leaves()
        await passes(PAUSE)
        assert told(harness) == [("/events", 200)]

    run(scenario())


def test_a_client_that_leaves_is_reported() -> None:
    """It got no status."""

    async def scenario() -> None:
        harness = GatewayHarness()
        harness.worker()
        client = await harness.request("/slow")
        await client.leaves()
        await passes(PAUSE)
        assert told(harness) == [("/slow", 0)]

    run(scenario())


def test_many_requests_make_one_event() -> None:
    """Under load they are counted, a few are shown, and those that failed are among them."""

    async def scenario() -> None:
        harness = GatewayHarness()

        def add(number: int) -> None:
            def describe(status: int) -> Request:
                return Request(at=0, method="GET", path=f"/{number}", status=status, ms=1)

            harness.gateway.requests.add(500 if number == 999 else 200, describe)

        for number in range(1_000):
            add(number)
        await passes(PAUSE)
        (news,) = harness.said(Requests)
        assert (news.count, news.failed, len(news.requests)) == (1_000, 1, MOST_SHOWN + 1)
        add(1_000)
        await passes(PAUSE / 2)
        assert len(harness.said(Requests)) == 1
        assert news.requests[-1].path == "/999"
        await passes(10 * PAUSE)
        assert len(harness.said(Requests)) == 2

    run(scenario())


def test_a_server_that_stops_reports_at_once() -> None:
    """What is answered last is not lost."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        await harness.request("/last")
        harness.gateway.stop()
        await harness.hears(worker, Respond(1, 200, [], b""), Closed(1))
        await passes(0)
        assert told(harness) == [("/last", 200)]

    run(scenario())


def test_a_long_path_is_cut() -> None:
    """A path of any length makes an event of bounded size."""
    assert full_path("/a", b"") == "/a"
    assert len(full_path("/a", b"x" * 10_000)) == LONGEST + 1
