"""Where an event stream is moved to, and what it cannot be moved with."""

from __future__ import annotations

from devserver.common import events
from devserver.ipc.messages import Detach, Open, Respond, ResponseBody
from devserver.master.http.event_stream import MOST_TAIL, seam
from tests.fakes.clock import run, turns
from tests.fakes.gateway import GatewayHarness
from tests.unit.master.http.event_stream_clients import ONE, STREAM, TWO, last_event_ids, reloaded, subscribed


def test_a_second_save_before_the_newer_code_has_answered_moves_a_stream_on() -> None:
    """It goes on with the newest code, and what the code in between still says is not passed on."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, _ = await subscribed(harness, ONE)
        between = await reloaded(harness, 2)
        newest = await reloaded(harness, 3)
        assert between.received(Detach) == [Detach(between.opened.stream)]
        assert last_event_ids(newest) == [b"1"]
        await harness.hears(between, Respond(between.opened.stream, 200, STREAM, b"id: 9\n\n", more=True))
        await harness.hears(newest, Respond(newest.opened.stream, 200, STREAM, TWO, more=True))
        assert client.body == ONE + seam(3) + TWO
        await client.leaves()

    run(scenario())


def test_newer_code_without_an_app_ends_it_properly() -> None:
    """The answer that it gives instead gets into no response that has begun."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, old = await subscribed(harness, ONE)
        harness.go_live(2, app="")
        await turns()
        assert old.received(Detach) == [Detach(old.opened.stream)]
        assert client.body == ONE
        assert client.complete

    run(scenario())


def test_a_stream_that_was_asked_for_with_a_body_is_asked_for_again_without_it() -> None:
    """The body has gone to the first Worker: newer code does not wait for it."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, old = await subscribed(harness, ONE, (b"content-length", b"1"))
        assert old.opened.more
        new = await reloaded(harness)
        assert not new.opened.more
        await client.leaves()

    run(scenario())


def test_an_event_too_long_to_keep_is_not_torn() -> None:
    """A part of it is with the client: no save moves the stream before its end, and a death cuts it."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, old = await subscribed(harness, ONE + b"id: 2\ndata: " + b"x" * MOST_TAIL)
        new = await reloaded(harness, 2)
        assert (new.received(Open), old.received(Detach)) == ([], [])
        await harness.hears(old, ResponseBody(old.opened.stream, b"\n\n", more=True))
        newest = await reloaded(harness, 3)
        assert last_event_ids(newest) == [b"2"]
        await harness.hears(
            newest, Respond(newest.opened.stream, 200, STREAM, b"x" * MOST_TAIL * 2, more=True)
        )
        other = harness.worker(3)
        harness.kill(newest)
        await turns()
        assert other.received(Open) == []
        assert client.connection.transport.closed
        assert [lost.what for lost in harness.said(events.Lost)] == ["the rest of the answer to GET /events"]

    run(scenario())
