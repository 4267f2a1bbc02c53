"""Who gets the next unit of work: pure.

Law: a unit starts on the newest live generation, on the least busy Worker that has room; once work of a
generation was dispatched, none goes to an older one; a Worker never holds more than its capacity.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

JobKind = Literal["native", "app"]
"""What runs a unit: the module's handlers, or its app. Each has a line and a capacity of its own."""
KINDS: tuple[JobKind, ...] = ("native", "app")


@dataclass(slots=True)
class WorkerEntry:
    """A Worker as dispatch sees it. A capacity of 0 is unbounded; what is not in `capacity` is not served."""

    worker: int
    generation: int
    capacity: dict[JobKind, int] = field(default_factory=dict)
    ready: bool = False
    leaving: bool = False
    clogged: bool = False
    """Its link is too far behind."""
    blocked: bool = False
    """Somebody stands at a prompt there, and it does nothing else."""
    spare: bool = False
    """It was started for one that was blocked: that one has what the app keeps in memory, and comes first."""
    running: dict[JobKind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    handled: int = 0
    heard: int = 0
    """When it last gave a sign of life, on a clock that counts such signs."""

    @property
    def load(self) -> int:
        """Return how many units it runs."""
        return self.running["native"] + self.running["app"]

    def has_room(self, kind: JobKind) -> bool:
        """Tell whether one more unit fits."""
        most = self.capacity.get(kind)
        return most is not None and not self.clogged and (not most or self.running[kind] < most)


class Waiter(Protocol):
    """Something that has a unit to run. `queued` is dispatch's own mark: nobody waits twice."""

    queued: bool

    @property
    def kind(self) -> JobKind:
        """Return what is to run it."""


W = TypeVar("W", bound=Waiter)


@dataclass(slots=True)
class DispatchQueue(Generic[W]):
    """The Workers, and who waits for one, first come first served."""

    live: int = 0
    seats: dict[int, WorkerEntry] = field(default_factory=dict)
    waiting: dict[JobKind, deque[W]] = field(default_factory=lambda: {kind: deque() for kind in KINDS})
    _newest_used: int = 0
    _signs: int = 0

    def wait(self, waiter: W) -> None:
        """Put a waiter in line, once."""
        if not waiter.queued:
            waiter.queued = True
            self.waiting[waiter.kind].append(waiter)

    @property
    def length(self) -> int:
        """Return how many wait."""
        return len(self.waiting["native"]) + len(self.waiting["app"])

    def next(self) -> tuple[W, WorkerEntry] | None:
        """Take who is first in a line and the Worker to use, if there are both; the seat is not taken yet."""
        for kind, line in self.waiting.items():
            if line and (seat := self.choose(kind)) is not None:
                waiter = line.popleft()
                waiter.queued = False
                return waiter, seat
        return None

    def choose(self, kind: JobKind) -> WorkerEntry | None:
        """Return the least busy Worker of the live generation that has room.

        Of two, the one that was heard of last: the other may hang.
        """
        best: WorkerEntry | None = None
        for seat in self.seats.values():
            usable = seat.generation == self.live and seat.ready and not seat.leaving and not seat.blocked
            usable = usable and seat.has_room(kind)
            if usable and (best is None or _rank(seat) < _rank(best)):
                best = seat
        return best

    def heard(self, seat: WorkerEntry) -> None:
        """A Worker has given a sign of life."""
        self._signs += 1
        seat.heard = self._signs

    def take(self, seat: WorkerEntry, kind: JobKind) -> None:
        """Count one unit that starts on `seat`."""
        assert seat.generation >= self._newest_used, "never back"
        assert seat.has_room(kind), "within its capacity"
        self._newest_used = seat.generation
        seat.running[kind] += 1

    def give_back(self, seat: WorkerEntry, kind: JobKind) -> None:
        """Count one unit of `seat` as finished."""
        seat.running[kind] -= 1
        seat.handled += 1


def _rank(seat: WorkerEntry) -> tuple[bool, int, int]:
    """Return what is compared of two seats that a unit could take: the lower one gets it."""
    return seat.spare, seat.load, -seat.heard
