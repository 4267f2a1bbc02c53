"""A successor over Managers without processes, on a loop whose clock the test sets."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from devserver.common.events import Event
from devserver.ipc import messages
from devserver.ipc.messages import Preload, Preloading, Report
from devserver.master.supervision.standby import CALM, StandbyManager
from tests.unit.clocked import passes, run
from tests.unit.master.pretend import Pretend, imported

Scenario = Callable[[], Coroutine[Any, Any, None]]


def clocked(scenario: Scenario) -> Callable[[], None]:
    """Run a test on a loop whose clock it sets."""

    @wraps(scenario)
    def test() -> None:
        run(scenario())

    return test


class Rig:
    """A successor, the Managers that were launched for it, and what the user was told."""

    def __init__(self) -> None:
        self.managers: list[Pretend] = []
        self.told: list[Event] = []
        self.launches = True
        self.standby = StandbyManager(self._launch, self.told.append, ("/project",), ("torch*",))

    def _launch(self) -> Pretend | None:
        if not self.launches:
            return None
        self.managers.append(Pretend())
        return self.managers[-1]

    @property
    def order(self) -> Preload:
        """The newest order."""
        [order] = self.managers[-1].told(Preload)
        assert isinstance(order, Preload)
        return order

    @property
    def names(self) -> list[str]:
        """What the newest Manager is to import."""
        return [note.name for note in self.order.notes]

    async def prepare(self, *names: str, **environment: str) -> None:
        """Let a Worker tell that it has imported these, and the order be given."""
        self.standby.noted(imported(*names, environment={**environment}), 400.0)
        await passes(CALM)

    async def ready(self, *names: str, **environment: str) -> Pretend:
        """Let one be prepared; return it."""
        await self.prepare(*names, **environment)
        self.report()
        return self.managers[-1]

    def imports(self, *modules: str) -> None:
        """Let the newest Manager tell what it imports."""
        for module in modules:
            self.standby.reported(Preloading(module))

    def report(self, modules: int = 2, **restart_without: str) -> None:
        """Let the newest Manager tell what became of it."""
        without = tuple(restart_without.items())
        self.standby.reported(messages.PreloadDone(Report(modules, 80.0, without, restart_without=without)))
