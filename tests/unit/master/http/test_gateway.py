"""Who is let in, who waits, and what the Master answers itself."""

from __future__ import annotations

import pytest

from devserver.common import events
from devserver.common.failure import Failure
from devserver.ipc.messages import AppKind, Closed, Open, Respond
from devserver.master.http.gateway import LONGEST_WATCH, MOST_REFUSALS
from devserver.master.http.pages.answers import LIVE_PATH, fingerprint
from tests.fakes.clock import passes, run, turns
from tests.fakes.gateway import GatewayHarness
from tests.fakes.http_client import FakeClient
from tests.fakes.worker import FakeWorker

BROKEN = Failure("import", "NameError", "name 'x' is not defined")
WORSE = Failure("import", "ImportError", "no y")


async def answered(harness: GatewayHarness, worker: FakeWorker, client: FakeClient) -> int:
    """Have a Worker answer what it was given last; return the status that the client gets."""
    stream = worker.opened.stream
    await harness.hears(worker, Respond(stream, 200, [], b"ok"), Closed(stream))
    return client.status


# holding


def test_a_request_after_a_save_is_run_by_the_new_code() -> None:
    """It waits until the save is live; the old code is not asked."""

    async def scenario() -> None:
        harness = GatewayHarness()
        old = harness.worker(1)
        harness.save()
        client = await harness.request()
        assert old.received(Open) == []
        new = harness.worker(2)
        harness.go_live(2)
        await turns()
        assert old.received(Open) == []
        assert await answered(harness, new, client) == 200

    run(scenario())


def test_a_request_after_a_save_that_was_refused_is_run_by_the_old_code() -> None:
    """Bad code never replaces good code."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        harness.save()
        client = await harness.request()
        harness.refuse()
        assert await answered(harness, worker, client) == 200

    run(scenario())


def test_only_what_waits_for_an_edit_that_is_settled_is_let_in() -> None:
    """Two saves: who came between them waits for the first only; who waits for one is let in as it came."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        first = harness.save()
        await harness.request("/first")
        await harness.request("/second")
        harness.save()
        await harness.request("/third")
        harness.pending.discard(first)
        harness.gateway.on_settled()
        assert [order.scope.path for order in worker.received(Open)] == ["/first", "/second"]
        assert not harness.gateway.quiet
        harness.refuse()
        assert [order.scope.path for order in worker.received(Open)] == ["/first", "/second", "/third"]
        assert harness.gateway.quiet
        for stream in [order.stream for order in worker.received(Open)]:
            await harness.hears(worker, Respond(stream, 200, []), Closed(stream))

    run(scenario())


def test_what_arrives_before_the_first_boot_waits_for_it() -> None:
    """The browser that opens too early gets the page, not an error."""

    async def scenario() -> None:
        harness = GatewayHarness(live=0)
        client = await harness.request()
        await passes(600.0)
        assert client.got == []
        worker = harness.worker()
        harness.go_live(1)
        await turns()
        assert await answered(harness, worker, client) == 200

    run(scenario())


def test_a_client_that_left_keeps_no_stop_waiting() -> None:
    """No client waits for it any more."""

    async def scenario() -> None:
        harness = GatewayHarness(live=0)
        client = await harness.request()
        assert not harness.gateway.quiet
        await client.leaves()
        assert harness.gateway.quiet

    run(scenario())


# answers of our own


def test_without_good_code_the_failures_are_the_answer() -> None:
    """503 with what is wrong, for the requests that waited and for those that come."""

    async def scenario() -> None:
        harness = GatewayHarness(live=0)
        early = await harness.request()
        harness.refuse(BROKEN)
        await turns()
        late = await harness.request()
        for client in (early, late):
            assert client.status == 503
            assert b"NameError: name 'x' is not defined" in client.body
        worker = harness.worker()
        harness.save()
        client = await harness.request()
        assert client.got == [], "a save may have mended it"
        harness.go_live(1)
        await turns()
        assert await answered(harness, worker, client) == 200

    run(scenario())


@pytest.mark.parametrize(
    ("address", "header", "told"),
    [
        ("::1", (b"sec-fetch-site", b"none"), True),
        ("192.0.2.7", (b"sec-fetch-site", b"none"), False),
        ("127.0.0.1", (b"sec-fetch-site", b"cross-site"), False),
        ("127.0.0.1", (b"x-forwarded-for", b"203.0.113.7"), False),
    ],
)
def test_only_who_sits_at_this_machine_is_shown_the_code(
    address: str, header: tuple[bytes, bytes], told: bool
) -> None:
    """Another machine, be it through a tunnel, or a page of another site learns only that nothing runs."""

    async def scenario() -> None:
        harness = GatewayHarness(live=0)
        harness.refuse(BROKEN)
        client = await harness.request(address=address, headers=[header])
        assert client.status == 503
        assert (b"NameError" in client.body) == told

    run(scenario())


def test_a_line_that_is_too_long_is_refused() -> None:
    """503 beyond the stated limit, whether they wait for an edit or for a Worker."""

    async def scenario() -> None:
        harness = GatewayHarness(waiting=2)
        waiting = [await harness.request()]
        harness.save()
        waiting.append(await harness.request())
        refused = await harness.request()
        assert refused.status == 503
        assert b"2 requests are waiting already" in refused.body
        assert [client.got for client in waiting] == [[], []]
        for client in waiting:
            await client.leaves()

    run(scenario())


def test_without_a_worker_within_the_boot_timeout_it_is_503() -> None:
    """A Worker that is alive but busy is waited for."""

    async def scenario() -> None:
        harness = GatewayHarness(boot_timeout=60.0)
        busy = harness.worker(capacity=1)
        first = await harness.request("/first")
        second = await harness.request("/second")
        await passes(61.0)
        assert second.got == []
        harness.kill(busy)
        await passes(61.0)
        assert (first.status, second.status) == (503, 503)
        assert b"no worker has started within 60 s" in second.body
        assert [order.scope.path for order in harness.worker().received(Open)] == []

    run(scenario())


@pytest.mark.parametrize(("handlers", "status"), [((), 404), (("on_receive",), 404)])
def test_a_module_without_an_app_has_no_pages(handlers: tuple[str, ...], status: int) -> None:
    """It learns what to do."""

    async def scenario() -> None:
        harness = GatewayHarness(live=0)
        harness.go_live(1, app="", handlers=handlers)
        client = await harness.request()
        assert client.status == status
        assert b"define app" in client.body

    run(scenario())


def test_a_host_that_is_not_allowed_is_refused() -> None:
    """A page that was lured here by DNS gets nothing of the app's, nor does its WebSocket."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        headers = [(b"origin", b"http://evil.example")]
        socket = await harness.websocket(headers=headers)
        two_hosts = await harness.request(headers=[(b"host", b"evil.example")])
        assert (socket.status, two_hosts.status) == (403, 400)
        assert worker.received(Open) == []

    run(scenario())


def test_a_websocket_that_is_refused_is_reported_with_the_flag_that_allows_it() -> None:
    """The page gets no reason, so its developer looks at the console: one line, however often."""

    async def scenario() -> None:
        harness = GatewayHarness()
        for _ in range(3):
            await harness.websocket(headers=[(b"origin", b"http://app.example:3000")])
        [notice] = harness.said(events.Notice)
        assert notice.text == (
            "refused a client: Pages of app.example may not connect: "
            "start devserver with --allow-host app.example to allow it."
        )
        for number in range(100):
            await harness.websocket(headers=[(b"origin", b"http://%d.example" % number)])
        assert len(harness.said(events.Notice)) == MOST_REFUSALS

    run(scenario())


# pages that wait


async def watching(harness: GatewayHarness, *seen: Failure) -> FakeClient:
    return await harness.request(LIVE_PATH, query=b"seen=" + fingerprint(seen).encode())


def test_an_error_page_reloads_when_the_code_is_good() -> None:
    """Its question is answered then, and not before."""

    async def scenario() -> None:
        harness = GatewayHarness(live=0)
        harness.refuse(BROKEN)
        client = await watching(harness, BROKEN)
        assert client.got == []
        harness.go_live(1)
        await turns()
        assert client.status == 200

    run(scenario())


def test_an_error_page_reloads_when_the_failure_is_another() -> None:
    """The same failure again is no news."""

    async def scenario() -> None:
        harness = GatewayHarness(live=0)
        harness.refuse(BROKEN)
        client = await watching(harness, BROKEN)
        harness.refuse(BROKEN)
        await turns()
        assert client.got == []
        harness.refuse(WORSE)
        await turns()
        assert client.status == 200
        at_once = await watching(harness, BROKEN)
        assert at_once.status == 200

    run(scenario())


def test_an_error_page_is_not_kept_for_ever() -> None:
    """It asks again after a while."""

    async def scenario() -> None:
        harness = GatewayHarness(live=0)
        client = await watching(harness)
        await passes(LONGEST_WATCH + 0.1)
        assert client.status == 503

    run(scenario())


# capacities


@pytest.mark.parametrize(("app", "capacity"), [("wsgi", 2), ("asgi", 0)])
def test_a_worker_gets_no_more_requests_than_it_can_run(app: AppKind, capacity: int) -> None:
    """The threads of a WSGI app are its limit, so a death loses no more; an ASGI app has none."""

    async def scenario() -> None:
        harness = GatewayHarness(live=0)
        harness.go_live(1, app=app)
        worker = harness.worker(capacity=capacity)
        clients = [await harness.request(f"/{number}") for number in range(4)]
        assert len(worker.received(Open)) == (capacity or 4)
        for stream in range(1, 5):
            await harness.hears(worker, Respond(stream, 200, []), Closed(stream))
        assert [client.status for client in clients] == [200] * 4
        assert harness.is_idle(worker)

    run(scenario())


def test_an_exception_of_the_apps_is_shown() -> None:
    """With the Worker that had it."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request()
        await harness.hears(worker, Closed(worker.opened.stream, BROKEN))
        assert client.status == 500
        (shown,) = harness.said(events.HandlerFailed)
        assert (shown.worker, shown.failure) == (worker.id, BROKEN)

    run(scenario())


def test_a_worker_that_has_finished_its_last_job_is_reported_idle() -> None:
    """That is when it may be replaced."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        await harness.request("/a")
        await harness.request("/b")
        await harness.hears(worker, Respond(1, 200, []), Closed(1))
        assert harness.idle == []
        await harness.hears(worker, Respond(2, 200, []), Closed(2))
        assert harness.idle == [worker.id]

    run(scenario())
