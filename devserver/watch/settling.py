"""Joins the events of one save, or of many at once, to one edit: pure, with a given clock.

Law: what belongs to one save is one edit; an edit is looked at soon after its last event, and never later
than `cap` after its first, save for one more look at what was found empty or gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """What an event says of a file: being written; closed or moved in; deleted or moved away."""

    OPEN = "open"
    DONE = "done"
    GONE = "gone"


@dataclass(slots=True)
class Batch:
    """One edit that has not settled: the files touched, and when to look at them (the clock's seconds)."""

    edit: int
    first: float
    cap: float
    paths: dict[str, Kind] = field(default_factory=dict)
    closed: bool = False
    """It is being read: later events belong to the next edit."""
    _due: dict[str, float] = field(default_factory=dict)
    _doubted: set[str] = field(default_factory=set)
    """Found empty or gone by the last look, without an event since."""
    _limit: float = 0.0

    def __post_init__(self) -> None:
        self._limit = self.first + self.cap

    @property
    def deadline(self) -> float:
        return min(max(self._due.values()), self._limit)

    def touch(self, path: str, kind: Kind, due: float) -> None:
        self.paths[path] = kind
        self._due[path] = due
        self._doubted.discard(path)

    def doubt(self, paths: Iterable[str], now: float, patience: float) -> bool:
        """Open the batch again if one of `paths` deserves another look; one held open gets several."""
        last = self.first + self.cap
        unsure = [
            path
            for path in paths
            if now < last + patience
            and (path not in self._doubted or (self.paths[path] is Kind.OPEN and now < last))
        ]
        for path in unsure:
            self._doubted.add(path)
            self._due[path] = now + patience
        if unsure:
            self._limit = min(max(self._limit, now + patience), last + patience)
            self.closed = False
        return bool(unsure)


class Settling:
    """The edits that have begun and were not read to the end; `newest` is the number of the last one."""

    def __init__(self, settle: float, settle_modified: float, cap: float) -> None:
        self.newest = 0
        self._settle = settle
        self._settle_modified = settle_modified
        self._cap = cap
        self._batches: dict[int, Batch] = {}

    def note(self, path: str, kind: Kind, now: float) -> bool:
        """Add an event; return True if it has begun a new edit."""
        batch = self._batches.get(self.newest)
        begun = batch is None or batch.closed
        if batch is None or batch.closed:
            self.newest += 1
            batch = self._batches[self.newest] = Batch(self.newest, now, self._cap)
        batch.touch(path, kind, now + (self._settle_modified if kind is Kind.OPEN else self._settle))
        return begun

    def deadline(self) -> float | None:
        """Return when `due` has something to give, None if nothing is waited for."""
        return min((batch.deadline for batch in self._batches.values() if not batch.closed), default=None)

    def due(self, now: float) -> list[Batch]:
        """Close the edits whose time has come and return them, to be read."""
        ripe = [batch for batch in self._batches.values() if not batch.closed and batch.deadline <= now]
        for batch in ripe:
            batch.closed = True
        return ripe

    def doubt(self, edit: int, paths: Iterable[str], now: float) -> bool:
        """`paths` were found empty or gone. True: the edit will be due again; False: believe it."""
        return self._batches[edit].doubt(paths, now, self._settle_modified)

    def finish(self, edit: int) -> None:
        """Forget an edit that was read to the end."""
        del self._batches[edit]

    def is_unread(self, path: str) -> bool:
        """Tell whether an edit that was not read to the end has `path`."""
        return any(path in batch.paths for batch in self._batches.values())
