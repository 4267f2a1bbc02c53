"""The handshake of a WebSocket: who decides about it, and who waits."""

from __future__ import annotations

from typing import Any

import pytest

from devserver.common import events
from devserver.common.failure import Failure
from devserver.ipc.messages import (
    Accept,
    Closed,
    Open,
    Respond,
    ResponseBody,
    WebSocketClose,
)
from devserver.master.http import gateway
from tests.fakes.clock import passes, run, turns
from tests.fakes.gateway import GatewayHarness

ACCEPTED: dict[str, Any] = {"type": "websocket.accept", "subprotocol": None, "headers": []}


def test_the_apps_refusal_is_403() -> None:
    """As under uvicorn."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.websocket()
        await harness.hears(
            worker, WebSocketClose(worker.opened.stream, 1006, ""), Closed(worker.opened.stream)
        )
        assert client.got == [{"type": "websocket.close", "code": 1000}]
        assert client.task.done()

    run(scenario())


def test_the_apps_own_answer_to_the_handshake_arrives_whole() -> None:
    """Status, headers and every part of the body."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.websocket()
        stream = worker.opened.stream
        await harness.hears(worker, Respond(stream, 401, [(b"x", b"y")], b"who ", more=True))
        await harness.hears(worker, ResponseBody(stream, b"are you", more=False), Closed(stream))
        assert (client.status, client.body, client.complete) == (401, b"who are you", True)
        assert client.task.done()

    run(scenario())


def test_a_death_in_the_middle_of_a_refusal_is_not_noticed() -> None:
    """Another Worker decides; nothing half said is in its way."""

    async def scenario() -> None:
        harness = GatewayHarness()
        first = harness.worker()
        client = await harness.websocket()
        await harness.hears(first, Respond(first.opened.stream, 401, [], b"who ", more=True))
        second = harness.worker()
        harness.kill(first)
        await harness.hears(second, Accept(second.opened.stream, None, []))
        assert client.got == [ACCEPTED]
        await client.leaves()

    run(scenario())


@pytest.mark.parametrize("begun", [False, True])
def test_an_app_that_fails_in_the_handshake_gives_500(begun: bool) -> None:
    """And its traceback is shown."""

    async def scenario() -> None:
        harness = GatewayHarness()
        worker = harness.worker()
        client = await harness.websocket()
        stream = worker.opened.stream
        if begun:
            await harness.hears(worker, Respond(stream, 401, [], b"who ", more=True))
        await harness.hears(worker, Closed(stream, Failure("request", "ValueError", "no")))
        assert (client.status, client.body) == (500, b"Internal Server Error")
        assert len(harness.said(events.HandlerFailed)) == 1

    run(scenario())


def test_a_handshake_waits_for_the_first_boot_and_may_be_refused() -> None:
    """503 with the reason, as for a request."""

    async def scenario() -> None:
        harness = GatewayHarness(live=0)
        client = await harness.websocket()
        assert client.got == []
        harness.refuse(Failure("import", "NameError", "name 'x' is not defined"))
        await turns()
        assert client.status == 503
        assert b"name 'x' is not defined" in client.body

    run(scenario())


def test_a_handshake_after_a_save_is_run_by_the_new_code() -> None:
    """It waits until the save is live; the old code neither accepts nor refuses it."""

    async def scenario() -> None:
        harness = GatewayHarness()
        old = harness.worker()
        harness.save()
        client = await harness.websocket()
        assert old.received(Open) == []
        new = harness.worker(2)
        harness.go_live(2)
        await harness.hears(new, Accept(new.opened.stream, None, []))
        assert [event["type"] for event in client.got] == ["websocket.accept"]
        assert old.received(Open) == []
        await client.leaves()

    run(scenario())


def test_a_handshake_waits_no_longer_than_a_boot_may_take() -> None:
    """Without any Worker it is answered."""

    async def scenario() -> None:
        harness = GatewayHarness(boot_timeout=60.0)
        client = await harness.websocket()
        await passes(61.0)
        assert client.status == 503
        worker = harness.worker()
        assert worker.received(Open) == []

    run(scenario())


def test_handlers_get_the_connection_of_a_module_without_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """The front lets go of it, and says nothing to the client, nor of it."""
    handed_over: list[str] = []

    class FakeFramedSocket:
        def __init__(self, *_: object) -> None:
            pass

        async def run(self) -> None:
            handed_over.append("the connection")

    monkeypatch.setattr(gateway, "FramedSocket", FakeFramedSocket)

    async def scenario() -> None:
        harness = GatewayHarness(live=0)
        client = await harness.websocket()
        harness.go_live(1, app="", handlers=("on_receive",))
        await turns()
        assert handed_over == ["the connection"]
        assert client.task.done()
        assert client.got == []
        assert harness.said(events.Lost) == []

    run(scenario())


@pytest.mark.parametrize("saved", [False, True])
def test_a_client_that_leaves_before_its_handshake_was_run_is_reported(saved: bool) -> None:
    """Nothing is started for it, and no stop waits for it, whether it waited for a Worker or for a save."""

    async def scenario() -> None:
        harness = GatewayHarness()
        if saved:
            harness.save()
        client = await harness.websocket()
        await client.leaves()
        assert harness.gateway.quiet
        harness.refuse()
        worker = harness.worker()
        assert worker.received(Open) == []
        assert client.task.done()
        assert [lost.what for lost in harness.said(events.Lost)] == ["the waiting handshake of WebSocket /ws"]

    run(scenario())
