"""The real pool of Managers, over fake Managers. The fixture `managers` puts these in place."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

from devserver.common.events import Event
from devserver.config import Config, ProcessConfig, WatchConfig
from devserver.ipc import messages
from devserver.ipc.messages import Reload, Report, Source, Target
from devserver.master.supervision.commands import (
    CancelBoot,
    Command,
    DiscardManager,
    EndManager,
    Later,
    SendTo,
)
from devserver.master.supervision.facts import ManagerOverdue, PreloadDue, PreloadOverdue
from devserver.master.supervision.manager_pool import ManagerPool
from devserver.master.supervision.manager_processes import ManagerProcesses
from devserver.master.supervision.site_packages import SitePackages
from devserver.master.supervision.standby import CALM, StandbyManager
from devserver.master.supervision.worker_record import WorkerRecord
from tests.fakes.clock import passes, run
from tests.fakes.manager import FakeManager, imported, start_timer

S = TypeVar("S")
SAVE = (Source("/project/app.py", b"2", b"x"),)


class PoolHarness:
    """The pool with its launcher and standby; needs a running loop and the fixture `managers`."""

    def __init__(self, *, preload: bool = True, search: tuple[str, ...] = ("/project",)) -> None:
        self.events: list[Event] = []
        self.live = 0
        config = Config(
            target=Target("app", search),
            watch=WatchConfig(root="/project"),
            process=ProcessConfig(preload="auto" if preload else "off", warm="off"),
        )
        emit = self.events.append
        self.processes = ManagerProcesses(config, False, emit, lambda _fact: None)
        own = ("/project",)
        standby = StandbyManager(self.processes.start_beside, self.do, emit, own, config.process)
        self.workers: dict[int, WorkerRecord] = {}
        self.pool = ManagerPool(self.processes, self.do, standby, SitePackages(), self.workers, search)

    def do(self, command: Command) -> None:
        """Carry out a command, as the Supervisor does; no heart beats here."""
        match command:
            case SendTo() | EndManager() | DiscardManager():
                self.processes.carry_out(command)
            case CancelBoot(worker):
                worker.step("cancel")
                worker.process.signal(signal.SIGTERM)
            case Later():
                start_timer(command, self._on_time)

    def _on_time(self, fact: ManagerOverdue | PreloadDue | PreloadOverdue) -> None:
        if isinstance(fact, ManagerOverdue):
            self.do(EndManager(fact.manager))
        else:
            self.pool.standby.on_time(fact)

    def on_code_live(self, generation: int) -> None:
        """Let newer code go live."""
        self.live = generation
        self.processes.on_code_live()
        self.pool.on_code_live(generation)


class ServingPool(PoolHarness):
    """A pool whose first Manager serves generation 1, which is live."""

    def __init__(self, managers: list[FakeManager]) -> None:
        super().__init__()
        self.managers = managers
        """All that were started, in order."""
        self.packages = 1
        assert self.pool.launch()
        self.order(1)
        self.goes_live(1)
        self.processes.on_worker_forked(2)

    def order(self, generation: int, handover: messages.Handover = "overlap") -> None:
        """Order a candidate of the Manager that the pool chooses."""
        self.pool.choose(handover, SAVE)
        self.pool.send(Reload(generation, self.live, (), handover))

    def goes_live(self, generation: int) -> None:
        self.on_code_live(generation)

    async def prepared(self, *names: str) -> FakeManager:
        """Let a standby Manager be prepared; return it."""
        self.pool.standby.on_imported(imported(*(names or ("numpy",)), generation=self.live), 400.0)
        await passes(CALM)
        manager = self.managers[-1]
        self.pool.on_preload_report(manager.number, messages.PreloadDone(Report(1, 80.0)))
        return manager

    def ends(self, manager: FakeManager) -> bool:
        """Let a Manager exit; return whether another is to be launched."""
        self.pool.on_lost(manager.number)
        self.processes.on_died(manager.number)
        return self.pool.remove(manager.number, "SIGKILL")


def on_a_clock(
    make: Callable[[list[FakeManager]], S],
) -> Callable[[Callable[[S], Coroutine[Any, Any, None]]], Callable[[list[FakeManager]], None]]:
    """Return a decorator for tests that get `make(managers)`, on a loop whose clock they set."""

    def decorator(scenario: Callable[[S], Coroutine[Any, Any, None]]) -> Callable[[list[FakeManager]], None]:
        @wraps(scenario)
        def test(managers: list[FakeManager]) -> None:
            async def main() -> None:
                await scenario(make(managers))

            run(main())

        del test.__wrapped__  # pytest would ask for its arguments
        return test

    return decorator
