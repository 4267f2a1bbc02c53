"""Which code runs, which is tried, and which edits are settled: pure, events in, commands out.

Law: a generation goes live only when every changed file compiles and its first Worker said ready; live
numbers only grow; an edit is settled once its code is live, was refused, or was found to change nothing.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Literal

from devserver.failure import Failure
from devserver.wire.messages import Handover, Source

MOST_CANDIDATES = 2
"""An app that boots slower than its author saves still gets somewhere: the elder candidate is let finish."""


@dataclass(frozen=True, slots=True)
class Boot:
    """Try a generation: the live snapshot `base` with `changes` applied."""

    generation: int
    base: int
    changes: tuple[Source, ...]
    handover: Handover


@dataclass(frozen=True, slots=True)
class Drop:
    """A candidate is not needed any more."""

    generation: int


@dataclass(frozen=True, slots=True)
class GoLive:
    """Every unit of work starts on this generation from now on."""

    generation: int
    edit: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """The code of `edit` cannot run; `generation` is 0 if it was not even booted."""

    edit: int
    generation: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Restore:
    """The disk holds again what runs: what was refused is gone."""

    edit: int


@dataclass(frozen=True, slots=True)
class GoExclusive:
    """Starting beside the old Worker failed: `generation` is tried again once the old one has left."""

    generation: int
    failure: Failure


Command = Boot | Drop | GoLive | Refuse | Restore | GoExclusive


Snapshot = dict[str, Source]
"""Path → what runs under it."""


@dataclass(slots=True)
class Candidate:
    """A generation that boots. `edit` is the newest edit that it contains."""

    number: int
    edit: int
    snapshot: Snapshot
    paths: tuple[str, ...]
    handover: Handover


@dataclass(slots=True)
class Generations:
    """The Master's book of edits, candidates and the live snapshot.

    `stamp in pending` is the whole of "hold": a unit stamped with a pending edit does not start yet.
    """

    handover: Literal["auto", "overlap", "exclusive"] = "auto"
    live: int = 0
    edit: int = 0
    """The newest edit noticed."""
    snapshot: Snapshot = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    pending: dict[int, int] = field(default_factory=dict)
    """Edit → the candidate that will settle it, 0 while it is being looked at."""
    broken: dict[str, Failure] = field(default_factory=dict)
    refused: bool = False
    _disk: Snapshot = field(default_factory=dict)
    _number: int = 0
    _read: int = 0
    """The newest edit whose files have been read."""

    def is_settled(self, stamp: int) -> bool:
        """Tell whether a unit that arrived when `stamp` was the newest edit may start."""
        return stamp not in self.pending

    @property
    def wanting(self) -> bool:
        """Tell whether the disk holds what does not run: any file may be the cure."""
        return not self.live or self.refused

    def start(self) -> list[Command]:
        """Try the first generation: everything is read from the disk."""
        return [self._boot({}, 0)]

    def noticed(self, edit: int) -> None:
        """An edit has begun; it is pending until it is settled."""
        assert edit > self.edit, "edits are numbered upwards"
        self.edit = edit
        self.pending[edit] = 0

    def settled(
        self,
        edit: int,
        files: Sequence[Source],
        failures: Mapping[str, Failure],
        muted: Set[str] = frozenset(),
    ) -> list[Command]:
        """The files of an edit were read: try them, refuse them, or find that they change nothing.

        `muted` files are taken as read but are no reason for a reload.
        """
        assert self.pending.get(edit) == 0, f"edit {edit} is not being looked at"
        self._read = edit
        newest = self.candidates[-1].snapshot if self.candidates else self.snapshot
        differs = any(_digest(newest, file.path) != file.digest for file in files if file.path not in muted)
        mended = any(file.path in self.broken for file in files)
        for file in files:
            self._disk[file.path] = file
            self.broken.pop(file.path, None)
        self.broken |= {path: failure for path, failure in failures.items() if self._belongs(path)}
        if self.broken and (differs or mended):
            del self.pending[edit]
            self.refused = True
            return [Refuse(edit, 0, tuple(self.broken.values()))]
        if not differs:
            return self._changes_nothing(edit)
        return [*self._make_room(), self._boot(self._on_disk(), edit)]

    def asked(self) -> list[Command]:
        """Somebody wants a reload without a change."""
        if self.broken:
            return [Refuse(self._read, 0, tuple(self.broken.values()))]
        return [*self._make_room(), self._boot(self._on_disk(), self._read)]

    def loaded(self, generation: int, source: Source) -> bool:
        """Add what a Worker of `generation` read; tell whether that generation still matters.

        Younger candidates get it too: their snapshots are this one with other files replaced.
        """
        if generation != self.live and self._candidate(generation) is None:
            return False
        if generation == self.live:
            self.snapshot.setdefault(source.path, source)
        for candidate in self.candidates:
            if candidate.number >= generation:
                candidate.snapshot.setdefault(source.path, source)
        return True

    def ready(self, generation: int) -> list[Command]:
        """A Worker of `generation` is ready; the first one of a candidate makes it live."""
        candidate = self._candidate(generation)
        if candidate is None:
            return []
        assert generation > self.live, "never back"
        elder = [other for other in self.candidates if other.number < generation]
        self.candidates = [other for other in self.candidates if other.number > generation]
        self.live = generation
        self.snapshot = candidate.snapshot
        self.refused = bool(self.broken)
        if candidate.handover == "exclusive":
            self.handover = "exclusive"
        self.pending = {edit: number for edit, number in self.pending.items() if edit > candidate.edit}
        return [
            GoLive(generation, candidate.edit, candidate.paths),
            *(Drop(other.number) for other in elder),
        ]

    def failed(self, generation: int, failure: Failure) -> list[Command]:
        """The first Worker of a candidate could not boot. Nothing happens for any other generation."""
        candidate = self._candidate(generation)
        if candidate is None:
            return []
        self.candidates.remove(candidate)
        if self._may_be_exclusive(candidate, failure):
            again = self._boot(candidate.snapshot, candidate.edit, "exclusive")
            self._remap(generation, again.generation)
            return [GoExclusive(again.generation, failure), again]
        self.pending = {edit: number for edit, number in self.pending.items() if number != generation}
        self.refused = True
        return [Refuse(candidate.edit, generation, (failure,))]

    def superseded(self, generation: int) -> list[Command]:
        """The Manager has dropped a candidate by itself: a younger one settles its edits, or nobody does."""
        candidate = self._candidate(generation)
        if candidate is None:
            return []
        self.candidates.remove(candidate)
        younger = [other.number for other in self.candidates if other.number > generation]
        self._remap(generation, younger[0] if younger else generation)
        self.pending = {edit: number for edit, number in self.pending.items() if number != generation}
        return []

    def homeless(self, generation: int) -> list[Command]:
        """Nobody boots a candidate any more: a younger one settles its edits, or what the disk holds now."""
        if self._candidate(generation) is None:
            return []
        younger = any(other.number > generation for other in self.candidates)
        commands = [] if younger else self.asked()
        self.superseded(generation)
        return commands

    @property
    def behind(self) -> bool:
        """Tell whether good code that is on the disk does not run."""
        return not self.broken and bool(_changes(self.snapshot, self._on_disk()))

    @property
    def booting(self) -> set[str]:
        """Return the files for whose sake something boots."""
        return {path for candidate in self.candidates for path in candidate.paths}

    def replay(self) -> list[Boot]:
        """Return what a new Manager must be told of the candidates, once it was given the live snapshot."""
        return [self._order(candidate) for candidate in self.candidates]

    def whole(self, generation: int) -> tuple[Source, ...]:
        """Return every file of a candidate's snapshot."""
        candidate = self._candidate(generation)
        return tuple(candidate.snapshot.values()) if candidate else ()

    def snapshot_of(self, generation: int) -> Snapshot | None:
        """Return what a generation runs, if it is live or a candidate."""
        candidate = self._candidate(generation)
        return self.snapshot if generation == self.live else candidate.snapshot if candidate else None

    def _candidate(self, generation: int) -> Candidate | None:
        return next((other for other in self.candidates if other.number == generation), None)

    def _belongs(self, path: str) -> bool:
        """Tell whether a file is the live code's, or lies beside it.

        Any other that does not compile may be nobody's: whoever imports it will fail to boot.
        """
        folder = os.path.dirname(path)
        return any(os.path.dirname(known) == folder for known in self.snapshot)

    def _changes_nothing(self, edit: int) -> list[Command]:
        if self.candidates:
            self.pending[edit] = self.candidates[-1].number
            self.candidates[-1].edit = edit
            return []
        del self.pending[edit]
        if self.wanting and self.live and not self.broken and not _changes(self.snapshot, self._on_disk()):
            self.refused = False
            return [Restore(edit)]
        return []

    def _on_disk(self) -> Snapshot:
        """Return the live snapshot with everything that was read from the disk since put in."""
        snapshot = {**self.snapshot, **self._disk}
        return {path: file for path, file in snapshot.items() if file.digest}

    def _make_room(self) -> list[Command]:
        if len(self.candidates) < MOST_CANDIDATES:
            return []
        younger = self.candidates.pop()
        self._remap(younger.number, self._number + 1)
        return [Drop(younger.number)]

    def _boot(self, snapshot: Snapshot, edit: int, handover: Handover = "overlap") -> Boot:
        self._number += 1
        candidate = Candidate(
            number=self._number,
            edit=edit,
            snapshot=dict(snapshot),
            paths=tuple(change.path for change in _changes(self.snapshot, snapshot)),
            handover="exclusive" if self.handover == "exclusive" and self.live else handover,
        )
        if edit in self.pending:
            self.pending[edit] = candidate.number
        self.candidates.append(candidate)
        self.candidates.sort(key=lambda other: other.number)
        return self._order(candidate)

    def _order(self, candidate: Candidate) -> Boot:
        changes = _changes(self.snapshot, candidate.snapshot)
        return Boot(candidate.number, self.live, changes, candidate.handover)

    def _remap(self, old: int, new: int) -> None:
        self.pending = {edit: new if number == old else number for edit, number in self.pending.items()}

    def _may_be_exclusive(self, candidate: Candidate, failure: Failure) -> bool:
        return (
            self.handover == "auto"
            and self.live > 0
            and candidate.handover == "overlap"
            and candidate.number > max((other.number for other in self.candidates), default=0)
            and (failure.phase == "start-up" or failure.errno == errno.EADDRINUSE)
        )


def _digest(snapshot: Snapshot, path: str) -> bytes:
    return snapshot[path].digest if path in snapshot else b""


def _changes(old: Snapshot, new: Snapshot) -> tuple[Source, ...]:
    """Return what turns `old` into `new`; what is absent in `new` comes without source."""
    changed = [file for path, file in new.items() if file.digest != _digest(old, path)]
    removed = [Source(path, b"", None) for path in old if path not in new]
    return tuple(sorted(changed + removed, key=lambda file: file.path))


def own_python(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Return those that a Worker can import: the rest (templates, settings) only cause the reload."""
    return tuple(source for source in sources if source.path.endswith(".py"))
