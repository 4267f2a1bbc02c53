"""A command whose first Manager serves the live code, and saves that go to whoever is best for them."""

from __future__ import annotations

import asyncio

from devserver.ipc import messages
from devserver.ipc.messages import Reload, Report, Source
from devserver.master.supervision.facts import ManagerOverdue
from devserver.master.supervision.standby import CALM
from tests.unit.clocked import passes
from tests.unit.master.pretend import Headquarters, Pretend, imported

SAVE = (Source("/project/app.py", b"2", b"x"),)


class Scene(Headquarters):
    """Headquarters that serve with the first Manager, generation 1 being live there."""

    def __init__(self, managers: list[Pretend]) -> None:
        super().__init__()
        self.managers = managers
        """All that were started, in order."""
        self.packages = 1
        assert self.pool.launch()
        self.order(1)
        self.goes_live(1)
        self.launcher.note_worker(2)

    def order(self, generation: int, handover: messages.Handover = "overlap") -> None:
        """Order a candidate of whoever is best for it."""
        self.pool.choose(handover, SAVE)
        self.pool.send(Reload(generation, self.live, (), handover))

    def goes_live(self, generation: int) -> None:
        self.went_live(generation)

    def stop(self, seconds: float, last: float) -> None:
        """Stop all, and let the timers that this asks for run."""
        for later in self.pool.stop(seconds, last):
            assert isinstance(later.fact, ManagerOverdue)
            asyncio.get_running_loop().call_later(later.seconds, later.fact.manager.kill)

    async def prepared(self, *names: str) -> Pretend:
        """Let a successor be prepared; return it."""
        self.pool.standby.noted(imported(*(names or ("numpy",)), generation=self.live), 400.0)
        await passes(CALM)
        manager = self.managers[-1]
        self.pool.preload_reported(manager, messages.PreloadDone(Report(1, 80.0)))
        return manager

    def ends(self, manager: Pretend) -> bool:
        """Let a Manager end; return whether another is to be launched."""
        manager.has_gone = True
        return self.pool.remove(manager, "SIGKILL")
