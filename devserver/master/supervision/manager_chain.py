"""Which Managers there are: the one that forks, the one that is prepared, and those whose Workers finish.

Law: a generation is at home with one Manager; orders about it go there, and full snapshots to whoever is not.
"""

from __future__ import annotations

from collections.abc import Mapping

from devserver.ipc import messages as wire
from devserver.ipc.messages import ToManager
from devserver.master.dispatch.worker import Worker
from devserver.master.supervision.manager import Manager


class ManagerChain:
    """`serving` gets the next candidates; an *elder* keeps its Workers until newer code is live elsewhere."""

    def __init__(self) -> None:
        self.serving: Manager | None = None
        self.elders: list[Manager] = []
        self._homes: dict[int, Manager] = {}

    @property
    def all(self) -> list[Manager]:
        """Return every Manager that may have Workers."""
        return [*self.elders, *([self.serving] if self.serving else [])]

    def promote(self, manager: Manager) -> None:
        """Let a Manager take the next candidates; the one before, if there is one, keeps what it has."""
        if self.serving is not None:
            self.elders.append(self.serving)
        self.serving = manager

    def send(self, message: ToManager, workers: Mapping[int, Worker]) -> None:
        """Give an order to the Manager whom it concerns."""
        match message:
            case wire.Reload():
                assert self.serving is not None, "orders go to somebody"
                self._homes[message.generation] = self.serving
                self.serving.send(message)
            case wire.Loaded():
                for manager in self.all:
                    manager.send(message)
            case wire.Drop(generation=generation):
                if home := self.home(generation):
                    home.send(message)
            case (
                wire.BootDone(worker=number)
                | wire.WorkerIdle(worker=number)
                | wire.LeaveWithin(worker=number)
                | wire.DebuggerState(worker=number)
            ):
                worker = workers.get(number)
                if worker is not None and worker.manager is not None:
                    worker.manager.send(message)
            case _:
                raise AssertionError(f"nobody is told {message!r:.200}")

    def home(self, generation: int) -> Manager | None:
        """Return who was given a generation, if that one is still there."""
        found = self._homes.get(generation)
        return found if found in self.all else None

    def outlived(self, live: int) -> list[Manager]:
        """Return the elders that no generation from `live` on is at home with; forget the older ones."""
        self._homes = {number: manager for number, manager in self._homes.items() if number >= live}
        return [elder for elder in self.elders if elder not in self._homes.values()]

    def remove(self, manager: Manager) -> None:
        """A Manager has ended."""
        if manager is self.serving:
            self.serving = None
        elif manager in self.elders:
            self.elders.remove(manager)

    def recall(self, generation: int) -> Manager | None:
        """Let the home of a generation serve again, if that is an elder; return the Manager it replaces."""
        home, replaced = self.home(generation), self.serving
        if home is None or home is replaced:
            return None
        self.elders.remove(home)
        self.serving = home
        return replaced
