"""Joins the events of one save, or of many at once, to one edit: pure, with a given clock.

Law: the events of one save are one edit. An edit is read soon after its last event, and never later than
`cap` after its first. Only files that were empty or gone are read once more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """The meaning of an event for a file: being written; closed or moved in; deleted or moved away."""

    OPEN = "open"
    DONE = "done"
    GONE = "gone"


@dataclass(slots=True)
class Batch:
    """One edit that was not read yet: the touched files, and when to read them (the clock's seconds)."""

    edit: int
    first: float
    cap: float
    paths: dict[str, Kind] = field(default_factory=dict)
    reading: bool = False
    """The edit is being read; the result is dropped if another event joins meanwhile."""
    _stirred: bool = False
    _due: dict[str, float] = field(default_factory=dict)
    _doubted: set[str] = field(default_factory=set)
    """Files that the last read found empty or gone, without an event since."""
    _limit: float = 0.0

    def __post_init__(self) -> None:
        self._limit = self.first + self.cap

    @property
    def deadline(self) -> float:
        return min(max(self._due.values()), self._limit)

    def takes_events(self, now: float) -> bool:
        """Return whether an event may still join: while the edit is read, up to the cap."""
        return not self.reading or now < self.first + self.cap

    def touch(self, path: str, kind: Kind, due: float) -> None:
        self.paths[path] = kind
        self._due[path] = due
        self._doubted.discard(path)
        self._stirred = self.reading

    def accept(self, empty: Iterable[str], now: float, patience: float) -> bool:
        """End the reading; return False if an event joined, or one of `empty` deserves another read."""
        self.reading = False
        if self._stirred:
            self._stirred = False
            return False
        return not self._doubts(empty, now, patience)

    def _doubts(self, empty: Iterable[str], now: float, patience: float) -> bool:
        """Read files found empty or gone once more, and those that are held open several times."""
        last = self.first + self.cap
        unsure = [
            path
            for path in empty
            if now < last + patience
            and (path not in self._doubted or (self.paths[path] is Kind.OPEN and now < last))
        ]
        for path in unsure:
            self._doubted.add(path)
            self._due[path] = now + patience
        if unsure:
            self._limit = min(max(self._limit, now + patience), last + patience)
        return bool(unsure)


class Debouncer:
    """The edits that were not read yet; `newest` is the number of the last one."""

    def __init__(self, settle: float, settle_modified: float, cap: float) -> None:
        self.newest = 0
        self._settle = settle
        self._settle_modified = settle_modified
        self._cap = cap
        self._batches: dict[int, Batch] = {}

    def note(self, path: str, kind: Kind, now: float) -> bool:
        """Add an event; return True if it has begun a new edit."""
        batch = self._batches.get(self.newest)
        begun = batch is None or not batch.takes_events(now)
        if batch is None or not batch.takes_events(now):
            self.newest += 1
            batch = self._batches[self.newest] = Batch(self.newest, now, self._cap)
        batch.touch(path, kind, now + (self._settle_modified if kind is Kind.OPEN else self._settle))
        return begun

    def deadline(self) -> float | None:
        """Return when `due` will return an edit, None if no edit is waiting."""
        return min((batch.deadline for batch in self._batches.values() if not batch.reading), default=None)

    def due(self, now: float) -> list[Batch]:
        """Return the edits that are due; the caller reads them, then calls `accept`."""
        ripe = [batch for batch in self._batches.values() if not batch.reading and batch.deadline <= now]
        for batch in ripe:
            batch.reading = True
        return ripe

    def accept(self, edit: int, empty: Iterable[str], now: float) -> bool:
        """Finish an edit that was read; `empty` are the files newly empty or gone.

        Return True if the result counts; the edit is forgotten. False: the edit will be due again.
        """
        if not self._batches[edit].accept(empty, now, self._settle_modified):
            return False
        del self._batches[edit]
        return True

    def is_unread(self, path: str) -> bool:
        """Return whether an edit that is not read yet has `path`."""
        return any(path in batch.paths for batch in self._batches.values())
