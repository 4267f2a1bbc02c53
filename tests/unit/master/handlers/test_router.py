"""Connections and Workers joined, over transports that only take notes."""

from __future__ import annotations

from typing import cast

from devserver.common import events
from devserver.common.events import Event
from devserver.common.framing import Lines
from devserver.config import LimitsConfig
from devserver.ipc.messages import Handle, Handled, Send
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.live_code import LiveCode
from devserver.master.dispatch.worker import Worker
from devserver.master.handlers.client import Client
from devserver.master.handlers.router import Router
from tests.fakes.transport import FakeTransport
from tests.fakes.worker import FakeWorker


class RouterHarness:
    """A Router whose edits are settled on order."""

    def __init__(self, limits: LimitsConfig) -> None:
        self.settled = False
        self.events: list[Event] = []
        self.dispatcher = dispatcher = Dispatcher(lambda: None)
        dispatcher.go_live(LiveCode(1, handlers=frozenset({"on_receive"}), framing=Lines()))
        self.router = Router(
            limits,
            dispatcher,
            lambda: 1,
            lambda _: self.settled,
            self.events.append,
            lambda: None,
        )

    def connect(self) -> tuple[Client, FakeTransport]:
        """Return a new client."""
        client, transport = self.router.connect("tcp"), FakeTransport()
        client.connection_made(transport)
        return client, transport


def test_a_client_that_leaves_makes_room_for_others() -> None:
    """Uploads that are held during a reload: no client hangs for ever because another one has gone."""
    harness = RouterHarness(LimitsConfig(connection=1000, total=100))
    (large, _), (small, transport) = harness.connect(), harness.connect()
    large.data_received(b"x" * 110)
    small.data_received(b"x" * 20)
    assert not transport.reading
    harness.settled = True
    small.data_received(b"")
    assert not transport.reading
    large.connection_lost(None)
    assert transport.reading


def test_a_frame_goes_to_a_worker_and_its_answer_to_the_client() -> None:
    """One crossing each way; what the client has not taken is not granted again."""
    harness = RouterHarness(LimitsConfig())
    harness.settled = True
    worker = FakeWorker(1, 1)
    harness.dispatcher.add(cast(Worker, worker))
    harness.dispatcher.accept(cast(Worker, worker), worker.capacity)
    client, transport = harness.connect()
    client.data_received(b"hel")
    client.data_received(b"lo\n")
    (handle,) = worker.received(Handle)
    assert (handle.kind, handle.data) == ("receive", b"hello")
    harness.router.on_message(cast(Worker, worker), Send(client.connection.id, b"bye", False))
    harness.router.on_message(cast(Worker, worker), Handled(handle.job))
    assert transport.written == [b"bye"]
    assert harness.router.quiet


def test_a_dead_workers_frame_is_lost_and_reported_and_the_next_one_starts() -> None:
    """The connection lives on."""
    harness = RouterHarness(LimitsConfig())
    harness.settled = True
    first, second = FakeWorker(1, 1), FakeWorker(2, 1)
    harness.dispatcher.add(cast(Worker, first))
    harness.dispatcher.accept(cast(Worker, first), first.capacity)
    client, _ = harness.connect()
    client.data_received(b"a\nb\n")
    harness.dispatcher.add(cast(Worker, second))
    harness.dispatcher.accept(cast(Worker, second), second.capacity)
    harness.dispatcher.bar(cast(Worker, first))
    harness.dispatcher.remove(cast(Worker, first), "killed")
    assert [handle.data for handle in second.received(Handle)] == [b"b"]
    (lost,) = [event for event in harness.events if isinstance(event, events.Lost)]
    assert (lost.what, lost.reason) == ("the message in hand", "worker 1 died (killed)")
    assert lost.connection == client.connection.id
