"""Who gets the next unit of work: pure.

Law: a unit starts on the newest live generation, on the least busy Worker that has room; once work of a
generation was dispatched, none goes to an older one; a Worker never holds more than its capacity.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


@dataclass(slots=True)
class Seat:
    """A Worker as dispatch sees it. `capacity` 0 is unbounded."""

    worker: int
    generation: int
    capacity: int = 1
    ready: bool = False
    leaving: bool = False
    clogged: bool = False
    """Its lane is too far behind."""
    running: int = 0
    handled: int = 0

    def has_room(self) -> bool:
        """Tell whether one more unit fits."""
        return not self.clogged and (not self.capacity or self.running < self.capacity)


class Waiter(Protocol):
    """Something that has a unit to run. `queued` is dispatch's own mark: nobody waits twice."""

    queued: bool


W = TypeVar("W", bound=Waiter)


@dataclass(slots=True)
class Dispatch(Generic[W]):
    """The Workers, and who waits for one, first come first served."""

    live: int = 0
    seats: dict[int, Seat] = field(default_factory=dict)
    waiting: deque[W] = field(default_factory=deque)
    _newest_used: int = 0

    def wait(self, waiter: W) -> None:
        """Put a waiter in line, once."""
        if not waiter.queued:
            waiter.queued = True
            self.waiting.append(waiter)

    def next(self) -> tuple[W, Seat] | None:
        """Take the first in line and the Worker it may use, if there are both. The seat is not taken yet."""
        if not self.waiting:
            return None
        seat = self.choose()
        if seat is None:
            return None
        waiter = self.waiting.popleft()
        waiter.queued = False
        return waiter, seat

    def choose(self) -> Seat | None:
        """Return the least busy Worker of the live generation that has room."""
        free = [
            seat
            for seat in self.seats.values()
            if seat.generation == self.live and seat.ready and not seat.leaving and seat.has_room()
        ]
        return min(free, key=lambda seat: seat.running, default=None)

    def take(self, seat: Seat) -> None:
        """Count one unit that starts on `seat`."""
        assert seat.generation >= self._newest_used, "never back"
        assert seat.has_room(), "within its capacity"
        self._newest_used = seat.generation
        seat.running += 1

    def give_back(self, seat: Seat) -> None:
        """Count one unit of `seat` as finished."""
        seat.running -= 1
        seat.clogged = False
        seat.handled += 1
