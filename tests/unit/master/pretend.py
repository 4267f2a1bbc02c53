"""A Manager without a process: it keeps what it is sent, and ends when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from itertools import count
from typing import Any, TypeVar

from devserver.common.events import Event
from devserver.config import Config, ProcessConfig, WatchConfig
from devserver.ipc.messages import (
    Imported,
    ModuleNote,
    Reload,
    Surroundings,
    Target,
    ToManager,
)
from devserver.master.supervision.manager import Manager, ManagerFact
from devserver.master.supervision.manager_launcher import ManagerLauncher
from devserver.master.supervision.manager_pool import ManagerPool
from devserver.master.supervision.site_packages import SitePackages
from devserver.master.supervision.standby import StandbyManager
from devserver.master.supervision.worker_record import WorkerRecord
from tests.unit.clocked import run

S = TypeVar("S")


class Pretend(Manager):
    """Takes a Manager's place."""

    _numbers = count(1)

    def __init__(
        self,
        report: Callable[[ManagerFact], None] = lambda _fact: None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.preloaded = False
        self.sent: list[ToManager] = []
        self.fate = ""
        """How it was ended: discarded, killed, or not at all."""
        self.has_gone = False
        self._pid = next(self._numbers)

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def gone(self) -> bool:
        return self.has_gone

    def send(self, message: ToManager) -> None:
        self.sent.append(message)

    def watch(self, due: Callable[[], bool]) -> None:
        pass

    def expect(self) -> None:
        pass

    def discard(self) -> None:
        self.fate = "discarded"

    def kill(self) -> None:
        self.fate = "killed"

    def told(self, kind: type[Any]) -> list[Any]:
        """Return the orders of one kind."""
        return [message for message in self.sent if isinstance(message, kind)]

    @property
    def ordered(self) -> list[int]:
        """Return the generations that it was to boot."""
        return [order.generation for order in self.told(Reload)]


class Headquarters:
    """A pool over Managers without processes, on a loop. manager_launcher.Manager must have been replaced."""

    def __init__(self, *, preload: bool = True, search: tuple[str, ...] = ("/project",)) -> None:
        self.events: list[Event] = []
        self.live = 0
        config = Config(
            target=Target("app", search),
            watch=WatchConfig(root="/project"),
            process=ProcessConfig(preload="auto" if preload else "off"),
        )
        emit = self.events.append
        self.launcher = ManagerLauncher(config, False, emit, lambda _fact: None)
        standby = StandbyManager(self.launcher.start_beside, emit, ("/project",), ())
        standby.enabled = preload
        self.workers: dict[int, WorkerRecord] = {}
        self.pool = ManagerPool(self.launcher, standby, SitePackages(), self.workers, search)

    def went_live(self, generation: int) -> None:
        """Newer code is live."""
        self.live = generation
        self.launcher.note_live()
        self.pool.went_live(generation)


def imported(*names: str, generation: int = 1, environment: dict[str, str | None] | None = None) -> Imported:
    """Return what a Worker tells that has imported these under this environment."""
    notes = tuple(ModuleNote(name, f"/site-packages/{name}.py") for name in names)
    return Imported(1, generation, notes, (Surroundings(environment or {}),))


def on_a_clock(
    make: Callable[[list[Pretend]], S],
) -> Callable[[Callable[[S], Coroutine[Any, Any, None]]], Callable[[list[Pretend]], None]]:
    """Return a decorator: a test gets a scene over the fixture `managers`, on a loop whose clock it sets."""

    def decorator(scenario: Callable[[S], Coroutine[Any, Any, None]]) -> Callable[[list[Pretend]], None]:
        @wraps(scenario)
        def test(managers: list[Pretend]) -> None:
            async def main() -> None:
                await scenario(make(managers))

            run(main())

        del test.__wrapped__  # pytest would ask for its arguments
        return test

    return decorator
