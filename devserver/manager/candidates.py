"""The generations that are being tried, and which code may not be tried any more: pure, as the fleet is.

Laws: a candidate boots beside the Workers that serve. With an exclusive handover it boots after they have
exited. A candidate that is dropped is reported as exited, even if it has no process yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from devserver.common.errors import IllegalEvent
from devserver.ipc.messages import Reload, WorkerGone
from devserver.manager.child_table import ChildTable
from devserver.manager.fork_orders import ForkOrders
from devserver.manager.states import Child

MOST_CANDIDATES = 2
FIRST_SLOT = 1


@dataclass(slots=True)
class Candidate:
    """A generation that is being tried. `worker` is 0 until its first Worker is forked."""

    generation: int
    exclusive: bool
    worker: int = 0


class Candidates:
    """Orders forks of candidates, and their ends, in commands that the table collects."""

    def __init__(self, table: ChildTable, forks: ForkOrders) -> None:
        self.newest = 0
        """The newest generation that was ordered."""
        self.exclusive = False
        """Whether it takes over exclusively."""
        self._table = table
        self._forks = forks
        self._tried: dict[int, Candidate] = {}
        self._dropped: set[int] = set()

    @property
    def tried(self) -> list[int]:
        """Return those that are tried."""
        return list(self._tried)

    @property
    def waiting(self) -> list[int]:
        """Return those that have no Worker yet."""
        return [each.generation for each in self._tried.values() if not each.worker]

    @property
    def any_exclusive(self) -> bool:
        """Return whether one is tried that takes over exclusively."""
        return any(each.exclusive for each in self._tried.values())

    def check(self, order: Reload) -> None:
        """Raise IllegalEvent if a generation cannot be ordered now."""
        if order.generation <= self.newest:
            raise IllegalEvent(f"generation {order.generation} follows {self.newest}")
        alone = order.handover == "exclusive" or order.live
        if len(self._tried) >= MOST_CANDIDATES and not alone:
            raise IllegalEvent(f"generation {order.generation} is one candidate too many")

    def ordered(self, order: Reload) -> None:
        """Note that a generation was ordered; `add` makes it a candidate."""
        self.newest, self.exclusive = order.generation, order.handover == "exclusive"

    def add(self, generation: int) -> None:
        """Try a generation."""
        self._tried[generation] = Candidate(generation, self.exclusive)

    # the end of candidates

    def is_dropped(self, generation: int) -> bool:
        """Return whether a generation was dropped: its Worker may be ready all the same, too late."""
        return generation in self._dropped

    def drop(self, generation: int) -> None:
        """Try a generation no more, as the Master has ordered."""
        self._dropped.add(generation)
        if candidate := self._tried.get(generation):
            self._end(candidate)

    def drop_all(self) -> None:
        """Try no generation any more."""
        self._end_each(list(self._tried.values()))

    def on_live(self, generation: int) -> None:
        """A generation is live: try no older one any more."""
        self._tried.pop(generation, None)
        self._end_each([each for each in self._tried.values() if each.generation < generation])

    def on_exited(self, child: Child) -> bool:
        """Return whether a Worker was the first one of a candidate, which is then none any more."""
        candidate = self._tried.get(child.generation)
        if candidate is None or candidate.worker != child.worker:
            return False
        del self._tried[child.generation]
        return True

    def _end_each(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            self._end(candidate)

    def _end(self, candidate: Candidate, verdict: str = "dropped") -> None:
        del self._tried[candidate.generation]
        if not candidate.worker:
            number, generation = self._table.number(), candidate.generation
            self._table.send(WorkerGone(number, FIRST_SLOT, generation, 0, 0, verdict=verdict))
        elif (child := self._table.by_number[candidate.worker]).state == "booting":
            self._table.end(child, "dropped")

    # what follows from where things stand

    def launch(self, live: int) -> None:
        """Fork the candidates; an exclusive one once no older process is left."""
        for candidate in list(self._tried.values()):
            generation = candidate.generation
            if candidate.worker or self._forks.awaits_image(generation):
                continue
            if self._forks.is_left(generation):
                self._end(candidate, self._forks.why_left(generation))
            elif not (candidate.exclusive and self._is_crowded(generation)):
                candidate.worker = self._forks.fork(FIRST_SLOT, generation, live).worker

    def _is_crowded(self, generation: int) -> bool:
        """Return whether a process of older code is left."""
        return any(child.generation < generation for child in self._table) or bool(self._table.leftovers)
