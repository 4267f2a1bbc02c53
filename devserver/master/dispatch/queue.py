"""Decides which Worker gets the next job: pure.

Law: a job starts on the newest live generation, on the least busy Worker that has room. Once a job of a
generation has started, none starts on an older one. A Worker never holds more jobs than its capacity.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

ServedBy = Literal["handlers", "app"]
"""What runs a job: the module's handlers, or its app. Each has its own queue and capacity."""
SERVED_BY: tuple[ServedBy, ...] = ("handlers", "app")


@dataclass(slots=True)
class WorkerEntry:
    """A Worker's entry in the queue. A capacity of 0 is unbounded; a kind without one is not served."""

    worker: int
    generation: int
    capacity: dict[ServedBy, int] = field(default_factory=dict)
    ready: bool = False
    leaving: bool = False
    dead: bool = False
    """Its process has exited; its last messages may still be read."""
    clogged: bool = False
    """It has too many unread bytes."""
    blocked: bool = False
    """A debugger's prompt blocks it."""
    spare: bool = False
    """It stands in for a blocked Worker, which is preferred later: that one has the app's memory."""
    running: dict[ServedBy, int] = field(default_factory=lambda: dict.fromkeys(SERVED_BY, 0))
    handled: int = 0
    last_message: int = 0
    """Sequence number of its last message (a logical clock)."""

    @property
    def load(self) -> int:
        """Return how many jobs it runs."""
        return self.running["handlers"] + self.running["app"]

    def has_room(self, kind: ServedBy) -> bool:
        """Return whether one more job fits."""
        most = self.capacity.get(kind)
        return most is not None and not self.clogged and (not most or self.running[kind] < most)


class Waiter(Protocol):
    """Has a job to run. Only the queue sets `queued`, so that it waits once."""

    queued: bool

    @property
    def kind(self) -> ServedBy:
        """Return what runs it."""


W = TypeVar("W", bound=Waiter)


@dataclass(slots=True)
class DispatchQueue(Generic[W]):
    """The Workers, and the waiters for them, first come first served."""

    live: int = 0
    entries: dict[int, WorkerEntry] = field(default_factory=dict)
    waiting: dict[ServedBy, deque[W]] = field(default_factory=lambda: {kind: deque() for kind in SERVED_BY})
    _newest_used: int = 0
    _messages: int = 0

    def put(self, waiter: W) -> None:
        """Put a waiter at the end of its queue, once."""
        if not waiter.queued:
            waiter.queued = True
            self.waiting[waiter.kind].append(waiter)

    @property
    def length(self) -> int:
        """Return how many wait."""
        return len(self.waiting["handlers"]) + len(self.waiting["app"])

    def next(self) -> tuple[W, WorkerEntry] | None:
        """Take the first waiter for which a Worker has room; return both. The job has not started yet."""
        for kind, line in self.waiting.items():
            if line and (entry := self.choose(kind)) is not None:
                waiter = line.popleft()
                waiter.queued = False
                return waiter, entry
        return None

    def choose(self, kind: ServedBy) -> WorkerEntry | None:
        """Return the least busy Worker of the live generation that has room.

        Of two equals, the one that sent a message last, because the other may hang.
        """
        best: WorkerEntry | None = None
        for entry in self.entries.values():
            usable = entry.generation == self.live and entry.ready and not entry.leaving and not entry.blocked
            usable = usable and not entry.dead and entry.has_room(kind)
            if usable and (best is None or _rank(entry) < _rank(best)):
                best = entry
        return best

    def note_message(self, entry: WorkerEntry) -> None:
        """Note that this Worker is the last one that sent a message."""
        self._messages += 1
        entry.last_message = self._messages

    def start(self, entry: WorkerEntry, kind: ServedBy) -> None:
        """Count a job that starts there."""
        assert entry.generation >= self._newest_used, "never back"
        assert entry.has_room(kind), "within its capacity"
        self._newest_used = entry.generation
        entry.running[kind] += 1

    @staticmethod
    def finish(entry: WorkerEntry, kind: ServedBy) -> None:
        """Count a job that has finished there."""
        entry.running[kind] -= 1
        entry.handled += 1


def _rank(entry: WorkerEntry) -> tuple[bool, int, int]:
    """Return the sort key of a usable Worker: the lowest gets the job."""
    return entry.spare, entry.load, -entry.last_message
