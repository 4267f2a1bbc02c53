"""Event streams over reloads and deaths."""

from __future__ import annotations

import pytest

from devserver.common import events
from devserver.config import HttpConfig
from devserver.ipc.messages import Closed, Detach, Disconnected, Open, Respond, ResponseBody
from devserver.master.http.event_stream import seam
from tests.fakes.clock import passes, run, turns
from tests.fakes.gateway import GatewayHarness, Headers
from tests.unit.master.http.event_stream_clients import (
    ONE,
    PLAIN,
    STREAM,
    THREE,
    TWO,
    last_event_ids,
    reloaded,
    subscribed,
)


def test_a_stream_with_ids_goes_on_with_the_newer_code() -> None:
    """In the same response, after the last whole event; a comment marks the seam."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, old = await subscribed(harness, ONE + TWO + b"id: 3\nda", (b"last-event-id", b"0"))
        assert last_event_ids(old) == [b"0"]
        new = await reloaded(harness)
        assert old.received(Detach) == [Detach(old.opened.stream)]
        assert last_event_ids(new) == [b"2"]
        assert new.opened.scope.resumed == 2
        await harness.hears(new, Respond(new.opened.stream, 200, STREAM, THREE, more=True))
        assert client.body == ONE + TWO + seam(2) + THREE
        assert [one.what for one in harness.said(events.Resumed)] == ["GET /events"]
        await harness.hears(old, ResponseBody(1, b"data: late\n\n", more=True), Closed(1))
        await harness.hears(new, ResponseBody(new.opened.stream, b"", more=False))
        assert client.body == ONE + TWO + seam(2) + THREE
        assert client.complete

    run(scenario())


def test_a_stream_with_ids_survives_its_workers_death() -> None:
    """The client sees no end."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, first = await subscribed(harness, ONE)
        second = harness.worker()
        harness.kill(first)
        assert last_event_ids(second) == [b"1"]
        await harness.hears(second, Respond(second.opened.stream, 200, STREAM, TWO, more=True))
        assert client.body == ONE + seam(1) + TWO
        await client.leaves()
        assert second.received(Disconnected)

    run(scenario())


def test_a_stream_that_waits_for_a_worker_is_resumed_once_by_the_newest_code() -> None:
    """Reloads in between start no second run that would never end."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, first = await subscribed(harness, ONE)
        harness.kill(first)
        await turns()
        harness.go_live(2)
        new = await reloaded(harness, 3)
        assert len(new.received(Open)) == 1
        assert new.received(Detach) == []
        await harness.hears(new, Respond(new.opened.stream, 200, STREAM, TWO, more=True))
        assert client.body == ONE + seam(3) + TWO
        await client.leaves()

    run(scenario())


@pytest.mark.parametrize(
    ("status", "headers"), [(204, []), (500, [(b"content-type", b"text/plain")]), (200, [])]
)
def test_newer_code_that_has_no_such_stream_ends_it_properly(status: int, headers: Headers) -> None:
    """EventSource then asks again by itself; nothing of another response gets into the stream."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, _ = await subscribed(harness, ONE)
        new = await reloaded(harness)
        await harness.hears(new, Respond(new.opened.stream, status, headers, b"oops", more=True))
        assert client.body == ONE
        assert client.complete
        assert new.received(Detach)

    run(scenario())


def test_newer_code_that_raises_instead_ends_it_properly_as_well() -> None:
    """The client does not see the stream as truncated."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, _ = await subscribed(harness, ONE)
        new = await reloaded(harness)
        await harness.hears(new, Closed(new.opened.stream))
        assert client.body == ONE
        assert client.complete

    run(scenario())


def test_a_stream_without_ids_goes_on_for_the_limit() -> None:
    """Then it ends properly, after a whole event, and EventSource reconnects to the new code."""

    async def scenario() -> None:
        harness = GatewayHarness(HttpConfig(stream_limit=10.0))
        client, old = await subscribed(harness, PLAIN + b"data: ha")
        new = await reloaded(harness)
        await passes(9.9)
        assert not client.complete
        assert old.received(Detach) == []
        await passes(0.2)
        assert client.body == PLAIN
        assert client.complete
        assert old.received(Detach) == [Detach(old.opened.stream)]
        assert new.received(Open) == []

    run(scenario())


@pytest.mark.parametrize("first", [ONE, PLAIN])
def test_a_stream_that_begins_when_newer_code_is_live_already_is_no_different(first: bytes) -> None:
    """A save between the request and its answer leaves no stream behind with the old code."""

    async def scenario() -> None:
        harness = GatewayHarness(HttpConfig(stream_limit=10.0))
        old = harness.worker()
        client = await harness.request("/events")
        new = await reloaded(harness)
        await harness.hears(old, Respond(old.opened.stream, 200, STREAM, first, more=True))
        assert bool(new.received(Open)) == (first == ONE)
        await passes(11.0)
        assert old.received(Detach) == [Detach(old.opened.stream)]
        assert client.body == first
        assert client.complete == (first == PLAIN)
        await client.leaves()
        assert harness.said(events.Lost) == []

    run(scenario())


def test_a_subscriber_that_leaves_during_a_reload_has_lost_nothing() -> None:
    """It had its answer."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, worker = await subscribed(harness, ONE)
        harness.kill(worker)
        await client.leaves()
        assert harness.said(events.Lost) == []
        assert harness.worker().received(Open) == []

    run(scenario())


def test_a_stream_that_was_moved_has_no_limit_any_more() -> None:
    """An id that came after the first reload lets the second one move it."""

    async def scenario() -> None:
        harness = GatewayHarness(HttpConfig(stream_limit=10.0))
        client, old = await subscribed(harness, PLAIN)
        await reloaded(harness, 2)
        await harness.hears(old, ResponseBody(old.opened.stream, ONE, more=True))
        newest = await reloaded(harness, 3)
        await harness.hears(newest, Respond(newest.opened.stream, 200, STREAM, TWO, more=True))
        await passes(60.0)
        assert client.body == PLAIN + ONE + seam(3) + TWO
        assert not client.complete
        await client.leaves()

    run(scenario())


def test_a_stream_without_ids_is_truncated_by_a_death() -> None:
    """It cannot go on, and that is reported."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, worker = await subscribed(harness, PLAIN)
        harness.kill(worker)
        await turns()
        assert client.connection.transport.closed
        assert [lost.what for lost in harness.said(events.Lost)] == ["the rest of the answer to GET /events"]

    run(scenario())


def test_streams_are_ended_at_once_if_that_was_asked_for() -> None:
    """With --streams close, ids or not."""

    async def scenario() -> None:
        harness = GatewayHarness(HttpConfig(streams="close"))
        client, old = await subscribed(harness, ONE)
        new = await reloaded(harness)
        assert client.body == ONE
        assert client.complete
        assert old.received(Detach)
        assert new.received(Open) == []

    run(scenario())


def test_another_streaming_answer_finishes_on_the_old_code() -> None:
    """A download is not cut by a save."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.request("/big")
        stream = worker.opened.stream
        await harness.hears(worker, Respond(stream, 200, [], b"a", more=True))
        await reloaded(harness)
        await passes(60.0)
        await harness.hears(worker, ResponseBody(stream, b"b", more=False), Closed(stream))
        assert (client.body, client.complete) == (b"ab", True)
        assert worker.received(Detach) == []

    run(scenario())


def test_a_stop_ends_streams_properly() -> None:
    """No stop waits for a stream that never ends."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, worker = await subscribed(harness, ONE)
        harness.gateway.stop()
        await turns()
        assert client.complete
        assert worker.received(Detach)
        assert harness.gateway.quiet

    run(scenario())


def test_old_code_that_still_works_for_a_client_that_left_is_ordered_to_end() -> None:
    """A reload does not wait for what nobody reads."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, old = await subscribed(harness, PLAIN)
        await client.leaves()
        await reloaded(harness, 2)
        await reloaded(harness, 3)
        assert old.received(Detach) == [Detach(old.opened.stream)]

    run(scenario())
