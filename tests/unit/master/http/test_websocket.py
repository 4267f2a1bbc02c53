"""One WebSocket between its client and the Workers, as the session decides."""

from __future__ import annotations

from typing import Any

import pytest

from devserver.common import events
from devserver.config import HttpConfig
from devserver.ipc.messages import (
    Accept,
    Closed,
    Consumed,
    Detach,
    Disconnected,
    Message,
    WebSocketClose,
    WebSocketSend,
    WindowUpdate,
)
from devserver.master.http.app_job import WINDOW
from tests.fakes.clock import run, turns
from tests.fakes.gateway import GatewayHarness
from tests.fakes.http_client import FakeClient
from tests.fakes.worker import FakeWorker

RESTART = {"type": "websocket.close", "code": 1012, "reason": "service restart"}
ACCEPTED: dict[str, Any] = {"type": "websocket.accept", "subprotocol": None, "headers": []}


async def connected(
    harness: GatewayHarness, path: str = "/ws", query: bytes = b""
) -> tuple[FakeClient, FakeWorker]:
    """Return a client that the app has accepted, and the Worker of its run."""
    worker = harness.worker(harness.dispatcher.code.generation)
    client = await harness.websocket(path, query=query)
    await harness.hears(worker, Accept(worker.opened.stream, None, []))
    assert client.got == [ACCEPTED]
    return client, worker


async def reloaded(harness: GatewayHarness, old: FakeWorker) -> FakeWorker:
    """Have newer code go live, and the old run end; return the new Worker."""
    generation = harness.dispatcher.code.generation + 1
    new = harness.worker(generation)
    harness.go_live(generation)
    await harness.hears(old, Closed(old.opened.stream))
    return new


def test_messages_go_both_ways() -> None:
    """Text stays text, bytes stay bytes; the close is the app's."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, worker = await connected(harness)
        stream = worker.opened.stream
        client.says_text("grüße")
        client.says.put_nowait({"type": "websocket.receive", "bytes": b"\xff"})
        await turns()
        assert worker.received(Message) == [
            Message(stream, "grüße".encode(), True),
            Message(stream, b"\xff", False),
        ]
        await harness.hears(
            worker, WebSocketSend(stream, "ö".encode(), True), WebSocketSend(stream, b"\xfe", False)
        )
        await harness.hears(worker, WebSocketClose(stream, 4000, "bye"), Closed(stream))
        assert client.messages == ["ö", b"\xfe"]
        assert client.got[-1] == {"type": "websocket.close", "code": 4000, "reason": "bye"}
        assert client.task.done()
        assert harness.is_idle(worker)

    run(scenario())


def test_newer_code_goes_on_with_the_same_connection() -> None:
    """One handshake; what was not taken is given to the new run, and the old run is heard to its end."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, old = await connected(harness)
        client.says_text("a")
        client.says_text("b")
        await turns()
        await harness.hears(old, Consumed(old.opened.stream, 1))
        new = harness.worker(2)
        harness.go_live(2)
        assert old.received(Detach)
        await harness.hears(old, WebSocketSend(old.opened.stream, b"A", True), Closed(old.opened.stream))
        assert new.opened.scope.resumed == 2
        assert new.received(Message) == [Message(new.opened.stream, b"b", True)]
        await harness.hears(new, Accept(new.opened.stream, None, []), Consumed(new.opened.stream, 1))
        await harness.hears(new, WebSocketSend(new.opened.stream, b"B", True))
        assert client.got == [
            ACCEPTED,
            {"type": "websocket.send", "text": "A"},
            {"type": "websocket.send", "text": "B"},
        ]
        assert [one.what for one in harness.said(events.Resumed)] == ["WebSocket /ws"]
        await client.leaves()
        assert new.received(Disconnected) == [Disconnected(new.opened.stream, 1005, "")]

    run(scenario())


def test_a_message_sent_after_a_save_runs_the_new_code() -> None:
    """It waits for the edit, and if the edit is refused the old code has it."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, old = await connected(harness)
        harness.save()
        client.says_text("new?")
        await turns()
        assert old.received(Message) == []
        harness.refuse()
        assert len(old.received(Message)) == 1
        harness.save()
        client.says_text("newer?")
        await turns()
        new = await reloaded(harness, old)
        assert len(old.received(Message)) == 1
        assert [message.data for message in new.received(Message)] == [b"new?", b"newer?"]
        await client.leaves()

    run(scenario())


def test_a_message_after_two_saves_waits_for_the_second() -> None:
    """The first is settled without it, and the second lets it go, though the client says nothing more."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, worker = await connected(harness)
        first = harness.save()
        harness.save()
        client.says_text("new?")
        await turns()
        harness.pending.discard(first)
        harness.gateway.on_settled()
        assert worker.received(Message) == []
        harness.refuse()
        assert [message.data for message in worker.received(Message)] == [b"new?"]
        await client.leaves()

    run(scenario())


def test_a_connection_that_waited_for_the_new_code_is_not_moved_by_it() -> None:
    """It runs the newest code from the beginning: one run, no 1012."""

    async def scenario() -> None:
        harness = GatewayHarness(HttpConfig(websockets="close"))
        client = await harness.websocket()
        new = harness.worker(2)
        harness.go_live(2)
        await harness.hears(new, Accept(new.opened.stream, None, []))
        assert client.got == [ACCEPTED]
        assert new.received(Detach) == []
        await client.leaves()

    run(scenario())


@pytest.mark.parametrize(("setting", "query"), [("close", b""), ("resume", b"EIO=4&transport=websocket")])
def test_what_cannot_be_resumed_is_asked_to_reconnect(setting: str, query: bytes) -> None:
    """By the settings, or because Engine.IO has sessions of its own."""

    async def scenario() -> None:
        harness = GatewayHarness(HttpConfig(websockets="close" if setting == "close" else "resume"))
        client, old = await connected(harness, query=query)
        harness.worker(2)
        harness.go_live(2)
        await turns()
        assert client.got[-1] == RESTART
        assert old.received(Detach)

    run(scenario())


@pytest.mark.parametrize("handlers", [(), ("on_receive",)])
def test_newer_code_without_an_app_asks_to_reconnect(handlers: tuple[str, ...]) -> None:
    """Its handlers, if it has any, know nothing of a conversation that an app has begun."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, old = await connected(harness)
        harness.go_live(2, app="", handlers=handlers)
        await harness.hears(old, Closed(old.opened.stream))
        assert client.got == [ACCEPTED, RESTART]
        assert client.task.done()

    run(scenario())


def test_a_path_that_could_not_go_on_is_remembered_for_that_code_only() -> None:
    """It is reported once; others of the path reconnect while that code is live, then resume again."""

    async def scenario() -> None:
        harness = GatewayHarness()
        first, old = await connected(harness, "/chat")
        second, other = await connected(harness, "/chat")
        new = await reloaded(harness, old)
        await harness.hears(
            new, Accept(new.opened.stream, None, []), WebSocketClose(new.opened.stream, 4001, "out")
        )
        assert first.got[-1] == {"type": "websocket.close", "code": 4001, "reason": "out"}
        await harness.hears(other, Closed(other.opened.stream))
        assert second.got[-1] == RESTART
        [notice] = harness.said(events.Notice)
        assert notice.text.startswith(
            "WebSocket /chat could not go on with the new code, which closed it with"
        )
        third, worker = await connected(harness, "/chat")
        newest = await reloaded(harness, worker)
        await harness.hears(newest, Accept(newest.opened.stream, None, []))
        assert third.got == [ACCEPTED]
        await third.leaves()

    run(scenario())


def test_newer_code_is_not_blamed_for_what_older_code_did() -> None:
    """Its close crosses with the reload."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, old = await connected(harness, "/chat")
        new = await reloaded(harness, old)
        await harness.hears(new, Accept(new.opened.stream, None, []))
        harness.go_live(3)
        await harness.hears(new, WebSocketClose(new.opened.stream, 4001, ""))
        assert client.got[-1]["code"] == 4001
        assert not harness.gateway.resumption.is_barred("/chat")
        assert harness.said(events.Notice) == []

    run(scenario())


def test_a_death_costs_the_message_in_hand_and_not_the_connection() -> None:
    """The loss is named."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, first = await connected(harness)
        client.says_text("a")
        await turns()
        await harness.hears(first, Consumed(first.opened.stream, 1))
        second = harness.worker()
        harness.kill(first)
        await harness.hears(second, Accept(second.opened.stream, None, []))
        assert client.got == [ACCEPTED]
        assert second.received(Message) == []
        assert [lost.what for lost in harness.said(events.Lost)] == ["the message in hand of WebSocket /ws"]
        await client.leaves()

    run(scenario())


# clients that are slow, or leave


def test_a_slow_client_slows_its_own_app() -> None:
    """Credit is due when the client has taken something."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, worker = await connected(harness)
        client.reads.clear()
        piece = b"x" * (WINDOW // 4)
        await harness.hears(worker, *(WebSocketSend(worker.opened.stream, piece, False) for _ in range(4)))
        assert worker.received(WindowUpdate) == []
        client.reads.set()
        await turns()
        assert sum(grant.size for grant in worker.received(WindowUpdate)) == WINDOW
        await client.leaves()

    run(scenario())


def test_the_app_is_notified_of_a_client_that_is_found_gone_in_sending() -> None:
    """No run is left behind that waits for ever for a client that has left."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, worker = await connected(harness)
        client.fails = ConnectionError("gone")
        await harness.hears(worker, WebSocketSend(worker.opened.stream, b"x", False))
        assert isinstance(client.task.exception(), ConnectionError)
        assert worker.received(Disconnected) == [Disconnected(worker.opened.stream, 1006, "")]
        harness.go_live(2)
        harness.go_live(3)
        assert worker.received(Detach) == [Detach(worker.opened.stream)]

    run(scenario())


def test_old_code_that_still_works_for_a_client_that_left_is_ordered_to_end() -> None:
    """A reload does not wait for a conversation that is over."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, old = await connected(harness)
        await client.leaves()
        harness.worker(2)
        harness.go_live(2)
        harness.go_live(3)
        assert old.received(Detach) == [Detach(old.opened.stream)]

    run(scenario())


def test_a_client_that_talks_on_while_nobody_takes_is_read_no_further() -> None:
    """Then its messages wait at the client, and go on when the app takes."""

    async def scenario() -> None:
        harness = GatewayHarness()
        client, worker = await connected(harness)
        for _ in range(200):
            client.says_text("x")
        await turns(500)
        waiting = client.says.qsize()
        assert waiting > 0
        assert len(worker.received(Message)) == 64
        await harness.hears(worker, Consumed(worker.opened.stream, 1))
        assert client.says.qsize() == waiting - 1
        assert len(worker.received(Message)) == 65
        client.connection.lose()
        client.fails = ConnectionError("gone")
        await harness.hears(worker, WebSocketSend(worker.opened.stream, b"x", False))
        assert worker.received(Disconnected)
        assert client.task.exception() is not None

    run(scenario())
