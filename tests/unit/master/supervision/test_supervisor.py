"""The Supervisor, given the reports that a Manager would send."""

from __future__ import annotations

import os
import socket
from typing import Any, cast

from devserver.common.events import Event
from devserver.common.framing import Raw
from devserver.config import Config, LimitsConfig, WatchConfig
from devserver.ipc.channel import Channel
from devserver.ipc.messages import FromWorker, Reload, Stop, Target, ToWorker, WorkerForked
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.live_code import LiveCode
from devserver.master.handlers.router import Router
from devserver.master.supervision.facts import Fact, WorkerDied
from devserver.master.supervision.manager import ManagerReported
from devserver.master.supervision.supervisor import Supervisor
from tests.fakes.clock import run
from tests.fakes.manager import FakeManager
from tests.fakes.transport import FakeTransport


class SupervisorHarness:
    """The Supervisor and the Router without a Manager: the test gives its reports."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        emit = self.events.append
        self.dispatcher = Dispatcher(lambda: None)
        self.router = Router(LimitsConfig(), self.dispatcher, lambda: 0, lambda _: True, emit, lambda: None)
        self.dispatcher.go_live(LiveCode(1, handlers=frozenset({"on_receive"}), framing=Raw()))
        self.router.on_code_live()
        config = Config(target=Target("app", ()), watch=WatchConfig(root="/"))
        self.supervisor = Supervisor(
            config, False, self.dispatcher, emit, self.handle, cast(Any, self.router.on_message)
        )
        self.supervisor.on_code_live(1)

    def handle(self, fact: Fact) -> None:
        """Route what concerns a client, as the Master does."""
        if isinstance(fact, WorkerDied):
            self.router.on_worker_died(fact.worker)
            self.dispatcher.remove(fact.worker, fact.cause)

    def report(self, message: Any, fds: list[int] | None = None) -> None:
        """Report to it as the Manager does."""
        self.supervisor.handle(ManagerReported(1, message, fds or []))

    def ready_worker(self, number: int) -> Channel[ToWorker, FromWorker]:
        """Let a Worker come; return its end of the link."""
        link, theirs = socket.socketpair()
        self.report(WorkerForked(number, 1, 1, os.getpid()), [link.detach(), os.pidfd_open(os.getpid())])
        self.dispatcher.accept(self.dispatcher.workers[number], {"handlers": 1})
        return Channel(theirs, ToWorker)

    def client(self, data: bytes) -> None:
        """Connect, and send a frame."""
        client = self.router.connect("tcp")
        client.connection_made(FakeTransport())
        client.data_received(data)


def test_a_save_that_comes_after_the_stop_is_ordered_of_nobody(managers: list[FakeManager]) -> None:
    """The Manager leaves: it would call it an order that cannot be."""

    async def scenario() -> None:
        harness = SupervisorHarness()
        harness.supervisor.launch()
        harness.supervisor.stop(5.0)
        harness.supervisor.send(Reload(2, 1, ()))
        [manager] = managers
        assert manager.received(Stop) == [Stop(5.0)]
        assert manager.received(Reload) == []

    run(scenario())
