"""The real standby Manager's logic, over fake Managers. Needs a loop of fakes/clock."""

from __future__ import annotations

from typing import Literal

from devserver.common.events import Event
from devserver.config import ProcessConfig
from devserver.ipc import messages
from devserver.ipc.messages import Preload, Preloading, Report
from devserver.master.supervision.facts import PreloadDue, PreloadOverdue
from devserver.master.supervision.standby import CALM, StandbyManager
from tests.fakes.clock import passes
from tests.fakes.manager import FakeManager, FakeManagers, imported


class StandbyHarness:
    """The standby, the Managers that were launched for it, and the events that it emitted."""

    def __init__(self, warm: Literal["auto", "off"] = "off") -> None:
        self.fakes = FakeManagers(self._on_time)
        self.managers = self.fakes.all
        self.events: list[Event] = []
        config = ProcessConfig(preload_exclude=("torch*",), warm=warm)
        self.standby = StandbyManager(
            self.fakes.start, self.fakes.do, self.events.append, ("/project",), config
        )

    def _on_time(self, fact: PreloadDue | PreloadOverdue) -> None:
        self.standby.on_time(fact)

    def take(self) -> FakeManager | None:
        """Take the Manager, if it is ready."""
        number = self.standby.take()
        return None if number is None else self.managers[number - 1]

    @property
    def order(self) -> Preload:
        """The newest order to preload."""
        [order] = self.managers[-1].received(Preload)
        assert isinstance(order, Preload)
        return order

    @property
    def names(self) -> list[str]:
        """The modules that the newest Manager is to import."""
        return [note.name for note in self.order.notes]

    async def prepare(self, *names: str, **environment: str) -> None:
        """Let a Worker report that it has imported these, and wait until the order is given."""
        self.standby.on_imported(imported(*names, environment={**environment}), 400.0)
        await passes(CALM)

    async def ready(self, *names: str, **environment: str) -> FakeManager:
        """Let a Manager be prepared and report success; return it."""
        await self.prepare(*names, **environment)
        self.report()
        return self.managers[-1]

    def imports(self, *modules: str) -> None:
        """Let the newest Manager report what it is importing."""
        for module in modules:
            self.standby.on_preload_report(Preloading(module))

    def report(self, modules: int = 2, **restart_without: str) -> None:
        """Let the newest Manager report that it has preloaded."""
        without = tuple(restart_without.items())
        self.standby.on_preload_report(
            messages.PreloadDone(Report(modules, 80.0, without, restart_without=without))
        )
