"""One HTTP request over as many Workers as it takes."""

from __future__ import annotations

import gc
import weakref

import pytest

from devserver.common import events
from devserver.ipc.messages import (
    Closed,
    Consumed,
    Disconnected,
    Open,
    RequestBody,
    Respond,
    ResponseBody,
    WindowUpdate,
)
from devserver.master.http.app_job import WINDOW
from tests.fakes.clock import run, turns
from tests.fakes.gateway import GatewayHarness, Headers
from tests.fakes.worker import FakeWorker

TEXT: Headers = [(b"content-type", b"text/plain")]
LENGTH: Headers = [(b"content-length", b"3145728")]


def number(worker: FakeWorker) -> int:
    """Return the number of the newest unit of a Worker."""
    return worker.opened.stream


def test_a_request_is_answered_by_the_app() -> None:
    """Status, headers and body are the app's; then the Worker is idle."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request("/hello", query=b"a=1")
        order = worker.opened
        assert (order.scope.path, order.scope.query_string, order.scope.resumed) == ("/hello", b"a=1", 0)
        assert not order.more
        await harness.hears(worker, Respond(order.stream, 201, TEXT, b"hello"))
        assert client.got == [
            {"type": "http.response.start", "status": 201, "headers": TEXT},
            {"type": "http.response.body", "body": b"hello", "more_body": False},
        ]
        assert client.task.done()
        await harness.hears(worker, Closed(order.stream))
        assert harness.is_idle(worker)

    run(scenario())


def test_an_app_that_returns_without_an_answer_gives_500() -> None:
    """As under uvicorn, and its failure is shown."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request()
        await harness.hears(worker, Closed(number(worker)))
        assert (client.status, client.body) == (500, b"Internal Server Error")

    run(scenario())


def test_an_answer_that_breaks_off_is_truncated() -> None:
    """The client can distinguish it from one that is complete."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request()
        await harness.hears(worker, Respond(number(worker), 200, TEXT, b"ha", more=True))
        await harness.hears(worker, Closed(number(worker)))
        assert client.body == b"ha"
        assert not client.complete
        assert client.connection.transport.closed
        assert client.task.done()
        assert harness.said(events.Lost) == []

    run(scenario())


# deaths


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_safe_request_is_run_once_more_when_its_worker_dies(method: str) -> None:
    """The client notices nothing."""

    async def scenario() -> None:
        harness = GatewayHarness()
        first = harness.worker()
        client = await harness.request(method=method)
        second = harness.worker()
        harness.kill(first)
        assert second.opened.scope.method == method
        await harness.hears(second, Respond(number(second), 200, TEXT, b"ok"))
        assert client.status == 200
        assert harness.said(events.Lost) == []

    run(scenario())


def test_a_request_that_kills_every_worker_is_not_run_a_third_time() -> None:
    """502 with the reason, which is reported on the console too."""

    async def scenario() -> None:
        harness = GatewayHarness()
        workers = [harness.worker() for _ in range(3)]
        client = await harness.request()
        harness.kill(workers[0])
        harness.kill(workers[1], "SIGSEGV")
        await turns()
        assert client.status == 502
        assert b"worker 2 died: SIGSEGV" in client.body
        assert [lost.what for lost in harness.said(events.Lost)] == ["the request GET /"]
        assert workers[2].received(Open) == []

    run(scenario())


@pytest.mark.parametrize(("method", "headers"), [("POST", []), ("GET", LENGTH)])
def test_a_request_that_may_have_had_an_effect_is_not_run_again(method: str, headers: Headers) -> None:
    """It is charged once."""

    async def scenario() -> None:
        harness = GatewayHarness()
        first, second = harness.worker(), harness.worker()
        client = await harness.request(method=method, headers=headers)
        harness.kill(first)
        await turns()
        assert client.status == 502
        assert second.received(Open) == []

    run(scenario())


def test_an_answer_that_has_begun_is_truncated_by_a_death() -> None:
    """And what is lost is named."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request("/big")
        await harness.hears(worker, Respond(number(worker), 200, TEXT, b"ha", more=True))
        harness.kill(worker)
        await turns()
        assert not client.complete
        assert client.connection.transport.closed
        assert [lost.what for lost in harness.said(events.Lost)] == ["the rest of the answer to GET /big"]

    run(scenario())


def test_what_goes_on_after_an_answer_is_named_when_its_worker_dies() -> None:
    """The client has its answer; a background task that was begun with it has not finished."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker, other = harness.worker(), harness.worker()
        client = await harness.request("/mail")
        await harness.hears(worker, Respond(number(worker), 200, TEXT, b"sent"))
        harness.kill(worker)
        await turns()
        assert (client.body, client.complete) == (b"sent", True)
        assert [lost.what for lost in harness.said(events.Lost)] == ["what GET /mail did after its answer"]
        assert other.received(Open) == []

    run(scenario())


# clients that leave


def test_a_client_that_leaves_while_it_waits_is_never_started() -> None:
    """And that is reported: it was a user's request."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client = await harness.request("/slow")
        await client.leaves()
        assert client.task.done()
        worker = harness.worker()
        assert worker.received(Open) == []
        assert [lost.what for lost in harness.said(events.Lost)] == ["a waiting request, GET /slow"]

    run(scenario())


def test_a_client_that_leaves_is_reported_to_the_app() -> None:
    """The app may stop its work; no answer goes into the void."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request()
        await client.leaves()
        assert worker.received(Disconnected) == [Disconnected(number(worker))]
        assert client.task.done()
        await harness.hears(worker, Respond(number(worker), 200, TEXT, b"late"), Closed(number(worker)))
        assert client.got == []
        assert harness.is_idle(worker)
        assert harness.said(events.Lost) == []

    run(scenario())


def test_the_app_is_notified_when_its_answer_cannot_be_written() -> None:
    """A run whose client cannot be reached does not wait for credit for ever."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request()
        client.fails = RuntimeError("uvicorn refuses")
        await harness.hears(worker, Respond(number(worker), 200, TEXT, b"", more=True))
        assert isinstance(client.task.exception(), RuntimeError)
        assert worker.received(Disconnected) == [Disconnected(number(worker))]

    run(scenario())


# credit


def test_an_upload_never_has_more_than_the_window_under_way() -> None:
    """3 MiB for an app that reads slowly wait at the client, not in memory."""
    piece = b"x" * 64 * 1024
    pieces = 3 * 1024 * 1024 // len(piece)

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request(method="POST", headers=LENGTH)
        assert worker.opened.more
        for left in reversed(range(pieces)):
            client.says_body(piece, more=left > 0)
        taken = 0
        while taken < pieces:
            await turns()
            sent = worker.received(RequestBody)
            assert taken < len(sent)
            under_way = sum(len(part.data) for part in sent[taken:])
            assert under_way <= WINDOW
            await harness.hears(worker, Consumed(number(worker), len(piece)))
            taken += 1
        parts = worker.received(RequestBody)
        assert sum(len(part.data) for part in parts) == 3 * 1024 * 1024
        assert [part.more for part in parts] == [True] * (pieces - 1) + [False]
        await harness.hears(worker, Respond(number(worker), 200, TEXT, b"thanks"), Closed(number(worker)))
        assert client.complete

    run(scenario())


def test_a_body_that_waits_to_be_asked_for_is_not_asked_for_before_the_app_wants_it() -> None:
    """Expect: 100-continue: an app that refuses saves its client the upload."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        headers = [*LENGTH, (b"expect", b"100-Continue")]
        client = await harness.request(method="PUT", headers=headers)
        client.says_body(b"x")
        await turns()
        assert worker.opened.waits
        assert client.asked == 0
        await harness.hears(worker, Consumed(number(worker), 0))
        assert worker.received(RequestBody) == [RequestBody(number(worker), b"x", False)]
        await harness.hears(worker, Respond(number(worker), 200, TEXT), Closed(number(worker)))

    run(scenario())


def test_an_upload_that_the_app_does_not_want_is_read_no_further() -> None:
    """The answer ends it."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request(method="POST", headers=LENGTH)
        await harness.hears(worker, Respond(number(worker), 413, TEXT, b"no"), Closed(number(worker)))
        client.says_body(b"x", more=True)
        await turns()
        assert client.task.done()
        assert worker.received(RequestBody) == []

    run(scenario())


def test_a_download_earns_credit_only_by_what_the_client_takes() -> None:
    """A slow client slows its own response."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request()
        stream = number(worker)
        assert worker.opened.window == WINDOW
        client.reads.clear()
        piece = b"x" * (WINDOW // 4)
        await harness.hears(worker, Respond(stream, 200, TEXT, piece, more=True))
        await harness.hears(worker, *(ResponseBody(stream, piece, more=True) for _ in range(3)))
        assert worker.received(WindowUpdate) == []
        client.reads.set()
        await turns()
        assert sum(grant.size for grant in worker.received(WindowUpdate)) == WINDOW
        await harness.hears(worker, ResponseBody(stream, b"", more=False), Closed(stream))
        assert client.body == piece * 4

    run(scenario())


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        pytest.param("GET", [], id="a GET"),
        pytest.param("GET", [(b"sec-fetch-dest", b"document")], id="a navigation"),
        pytest.param("POST", [(b"content-length", b"2")], id="an upload"),
    ],
)
def test_a_request_that_is_answered_leaves_nothing_to_the_garbage_collector(
    method: str, headers: Headers
) -> None:
    """Cyclic garbage of each request would make the collector run, which costs a tenth of the requests."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request(method=method, headers=headers)
        (job,) = harness.dispatcher.jobs_in_hand()
        exchange = weakref.ref(job)
        del job
        client.says_body(b"hi")
        await turns()
        await harness.hears(worker, Respond(number(worker), 200, TEXT, b"hello"), Closed(number(worker)))
        assert client.status == 200
        await turns()
        assert exchange() is None

    gc.disable()
    try:
        run(scenario())
    finally:
        gc.enable()
