"""Decides which code runs, which is tried, and which edits are settled: pure, events in, commands out.

Law: a generation goes live only when every changed file compiles and its first Worker has reported ready;
live numbers only grow. An edit is settled once its code is live, was refused, or was found to change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from devserver.common.failure import Failure
from devserver.ipc.messages import Handover, Source
from devserver.master.reload.book import Book
from devserver.master.reload.candidate import MOST_CANDIDATES, Candidate
from devserver.master.reload.commands import (
    Boot,
    Booted,
    Cancel,
    Command,
    Drop,
    GoExclusive,
    GoLive,
    Refuse,
    Restore,
    Warn,
)
from devserver.master.reload.disk import MIXED, Snapshot, changes, mix


@dataclass(slots=True)
class Generations(Book):
    """The Master's book of edits, candidates and the live snapshot, with the decisions about them."""

    def start(self) -> list[Command]:
        """Try the first generation: its Worker reads everything from the disk."""
        return [self._boot({}, 0)]

    def on_edit_noticed(self, edit: int) -> None:
        """An edit has begun; it is pending until it is settled."""
        assert edit > self.edit, "edits are numbered upwards"
        self.edit = edit
        self.pending[edit] = 0

    def on_edit_checked(
        self,
        edit: int,
        files: Sequence[Source],
        failures: Mapping[str, Failure],
        muted: Set[str] = frozenset(),
    ) -> list[Command]:
        """Try the files of an edit, refuse them, or find that they change nothing.

        The whole disk counts, with earlier saves that were refused because of another file. Refused code is
        tried again when it is saved again, not when another file is touched. A broken file is a reason to
        refuse if the live code uses it. If not, it blocks nothing until it is imported. `muted` files are
        recorded as read, but are no reason for a reload.
        """
        assert self.pending.get(edit) == 0, f"edit {edit} is not being looked at"
        self._read = edit
        blocked = self._blocking()
        self.disk.read(files, failures, muted)
        saved = any(self._counts(file) for file in files if file.path not in muted)
        if blocking := self._blocking():
            if saved or blocking != blocked or not blocking.keys().isdisjoint(file.path for file in files):
                del self.pending[edit]
                return [self._refuse(edit, 0, tuple(blocking.values()))]
        elif saved or self._is_untried():
            return [*self._make_room(), self._boot(self._on_disk(), edit)]
        return self._changes_nothing(edit)

    def on_reload_requested(self) -> list[Command]:
        """A reload was requested, whether or not a file has changed."""
        if blocking := self._blocking():
            return [self._refuse(self._read, 0, tuple(blocking.values()))]
        return [*self._make_room(), self._boot(self._on_disk(), self._read)]

    def on_file_loaded(self, generation: int, source: Source, unsettled: bool = False) -> bool:
        """Record a file that a Worker of `generation` read; return whether its further Workers may get it.

        `unsettled`: an edit of the file is pending. The first Worker of a candidate decides which text it is.
        Live code that lacks the file may have looked for it, so a file that an edit adds causes a reload.
        Younger candidates get the file, too: their snapshots are this one with other files replaced.
        """
        snapshot = self.snapshot_of(generation)
        if snapshot is None:
            return False
        path, outdated = source.path, self.disk.is_outdated(source)
        known = snapshot.get(path)
        late = generation == self.live and (unsettled or outdated)
        if late if known is None else known.digest != source.digest:
            mix(snapshot, path)
            return False
        snapshot.setdefault(path, source)
        if not outdated:
            shared = Source(path, MIXED, source.source, source.code) if unsettled else source
            for candidate in self.candidates:
                if candidate.number > generation:
                    candidate.snapshot.setdefault(path, shared)
        return True

    def on_file_surveyed(self, file: Source) -> bool:
        """Record a file beside the live code, unless it is known already; return whether it was recorded."""
        known = file.path in self.snapshot or self.disk.is_outdated(file)
        return not known and self.on_file_loaded(self.live, file)

    def on_files_used(self, generation: int, paths: Iterable[str]) -> list[Command]:
        """A Worker of `generation` uses these files: broken ones among them count from now on."""
        self.uses.add(generation, paths)
        candidate = self.candidate(generation)
        if candidate is None:
            return self._conclude() if generation == self.live else []
        broken = [path for path in paths if path in candidate.held_back]
        if not broken:
            return []
        self.candidates.remove(candidate)
        candidate.snapshot = self.disk.as_read(candidate.snapshot, broken)  # untried with good texts
        failures = tuple(candidate.held_back[path] for path in broken)
        return [Cancel(generation), *self._give_up(candidate, failures)]

    def on_worker_ready(self, worker: Booted) -> list[Command]:
        """A Worker is ready; the first one of a candidate makes the candidate live."""
        generation, first = worker.ready.generation, not self.live
        candidate = self.candidate(generation)
        if candidate is None:
            return []
        assert generation > self.live, "never back"
        elder = [other for other in self.candidates if other.number < generation]
        self.candidates = [other for other in self.candidates if other.number > generation]
        self.live = generation
        self.snapshot = candidate.snapshot
        self.refusal = None
        if candidate.handover == "exclusive":
            self.handover = "exclusive"
        self.uses.went_live(generation)
        self.pending = {edit: number for edit, number in self.pending.items() if edit > candidate.edit}
        return [
            GoLive(generation, candidate.edit, candidate.paths, first, worker),
            *(Drop(other.number) for other in elder),
            *self._conclude(),
        ]

    def on_boot_failed(self, generation: int, failure: Failure, held: bool = False) -> list[Command]:
        """The first Worker of a candidate failed to boot. Failures of other generations change nothing.

        `held`: the live Workers may hold a resource that it needed.
        """
        candidate = self.candidate(generation)
        if candidate is None:
            return []
        self.candidates.remove(candidate)
        if self._may_be_exclusive(candidate, failure, held):
            tried, ordered = self._tried, self._ordered
            again = self._boot(candidate.snapshot, candidate.edit, "exclusive")
            self._tried, self._ordered = tried, ordered  # newer code may have failed before
            self._remap(generation, again.generation)
            return [GoExclusive(again.generation, failure), again]
        return self._give_up(candidate, (failure,))

    def on_candidate_dropped(self, generation: int) -> list[Command]:
        """The Manager has dropped a candidate: a younger one settles its edits, if there is one."""
        candidate = self.candidate(generation)
        if candidate is None:
            return []
        self.candidates.remove(candidate)
        younger = [other.number for other in self.candidates if other.number > generation]
        self._remap(generation, younger[0] if younger else generation)
        self._settle(generation)
        return []

    def on_manager_gone(self, generation: int) -> list[Command]:
        """A candidate's Manager is gone: a younger one settles its edits, or a boot of the disk's files."""
        if self.candidate(generation) is None:
            return []
        younger = any(other.number > generation for other in self.candidates)
        commands = [] if younger else self.on_reload_requested()
        self.on_candidate_dropped(generation)
        return commands

    def _changes_nothing(self, edit: int) -> list[Command]:
        """Settle an edit that leaves nothing to try; if a candidate contains it, that one will settle it."""
        if self.candidates and not self._blocking() and not self.disk.differs(self._newest):
            self.pending[edit] = self.candidates[-1].number
            self.candidates[-1].edit = edit
            return []
        del self.pending[edit]
        runs = self.live and not self.candidates and not self._blocking()
        if runs and self.refusal and not self.disk.differs(self.snapshot):
            self.refusal = self._tried = None
            return [Restore(edit), *self._conclude()]
        return self._conclude()

    def _conclude(self) -> list[Command]:
        """If nothing boots, try what was not tried, and make the last report true of the disk."""
        if self.candidates:
            return []
        if blocking := self._blocking():
            word = Refuse(self._read, 0, tuple(blocking.values()))
        elif self._read > self._ordered and self._is_untried():
            return [self._boot(self._on_disk(), self._read)]
        elif self._tried and not self.disk.differs(self._tried[0]):
            word = self._tried[1]
        elif self.needs_fix:
            return []
        else:
            return [Warn(failure) for failure in self.disk.warn(self.snapshot)]
        if self.refusal and self.refusal.failures == word.failures:
            return []
        self.refusal = word
        return [word]

    def _give_up(self, candidate: Candidate, failures: tuple[Failure, ...]) -> list[Command]:
        """Refuse a candidate, and settle the edits that wait for it."""
        self._settle(candidate.number)
        refuse = self._refuse(candidate.edit, candidate.number, failures)
        newest = not self._tried or self._tried[1].edit <= candidate.edit
        if newest and all(other.number < candidate.number for other in self.candidates):
            self._tried = candidate.snapshot, refuse
        return [refuse, *self._conclude()]

    def _refuse(self, edit: int, generation: int, failures: tuple[Failure, ...]) -> Refuse:
        self.refusal = Refuse(edit, generation, failures)
        return self.refusal

    def _make_room(self) -> list[Command]:
        if len(self.candidates) < MOST_CANDIDATES:
            return []
        younger = self.candidates.pop()
        self._remap(younger.number, self._number + 1)
        return [Drop(younger.number)]

    def _boot(self, snapshot: Snapshot, edit: int, handover: Handover = "overlap") -> Boot:
        self._number += 1
        self._tried, self._ordered = None, self._read
        candidate = Candidate(
            number=self._number,
            edit=edit,
            snapshot=dict(snapshot),
            paths=tuple(change.path for change in changes(self.snapshot, snapshot)),
            handover="exclusive" if self.handover == "exclusive" and self.live else handover,
            held_back={
                path: failure
                for path, failure in self.disk.broken_beside(snapshot).items()
                if path in snapshot
            },
        )
        if edit in self.pending:
            self.pending[edit] = candidate.number
        self.candidates.append(candidate)
        return candidate.order(self.live, self.snapshot)

    def _remap(self, old: int, new: int) -> None:
        self.pending = {edit: new if number == old else number for edit, number in self.pending.items()}

    def _settle(self, generation: int) -> None:
        """Settle the edits that wait for a candidate."""
        self.pending = {edit: number for edit, number in self.pending.items() if number != generation}

    def _may_be_exclusive(self, candidate: Candidate, failure: Failure, held: bool) -> bool:
        youngest = candidate.number > max((other.number for other in self.candidates), default=0)
        may = self.handover == "auto" and self.live > 0 and candidate.handover == "overlap"
        return may and youngest and (failure.phase == "start-up" or held)
