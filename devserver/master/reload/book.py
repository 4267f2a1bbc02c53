"""The Master's knowledge of the code: what runs, what boots, what the disk holds, and which edits are
pending.

Law: it decides nothing, can be read at any time, and only Generations changes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from devserver.common.failure import Failure
from devserver.ipc.messages import Handover, Reload, Source
from devserver.master.reload.candidate import Candidate
from devserver.master.reload.commands import Boot, Refuse
from devserver.master.reload.disk import Disk, Snapshot, changes, digest_in, own_python
from devserver.master.reload.used_files import UsedFiles


@dataclass(slots=True)
class Book:
    """`stamp in pending` is all of "hold": a job stamped with a pending edit does not start yet."""

    handover: Literal["auto", "overlap", "exclusive"] = "auto"
    live: int = 0
    edit: int = 0
    """The newest edit noticed."""
    snapshot: Snapshot = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    """In the order of their numbers; all are newer than the live code."""
    pending: dict[int, int] = field(default_factory=dict)
    """Edit → the candidate that will settle it, 0 while it is being checked."""
    disk: Disk = field(default_factory=Disk)
    uses: UsedFiles = field(default_factory=UsedFiles)
    refusal: Refuse | None = None
    """The last report on the code, if that was a refusal."""
    _tried: tuple[Snapshot, Refuse] | None = None
    """The newest code that failed to boot, unless newer code was tried since."""
    _number: int = 0
    _read: int = 0
    """The newest edit whose files have been read."""
    _ordered: int = 0
    """The newest edit that was read before the last try."""

    def is_settled(self, stamp: int) -> bool:
        """Return whether a job with this stamp may start."""
        return stamp not in self.pending

    @property
    def needs_fix(self) -> bool:
        """Return whether the disk holds code that does not run: any file may fix it."""
        return not self.live or self.refusal is not None

    @property
    def lags_behind_disk(self) -> bool:
        """Return whether the disk holds good code that does not run."""
        return not self._blocking() and bool(changes(self.snapshot, self._on_disk()))

    @property
    def booting(self) -> set[str]:
        """Return the changed files for which candidates boot."""
        return {path for candidate in self.candidates for path in candidate.paths}

    def candidate(self, generation: int) -> Candidate | None:
        """Return the candidate of this number, None if it is not or no longer one."""
        return next((other for other in self.candidates if other.number == generation), None)

    def snapshot_of(self, generation: int) -> Snapshot | None:
        """Return the snapshot of a generation that is live or a candidate, None for others."""
        candidate = self.candidate(generation)
        return self.snapshot if generation == self.live else candidate.snapshot if candidate else None

    def known(self) -> dict[str, bytes]:
        """Return path → digest of every file that runs or was read since; b"": it was absent."""
        return self.disk.known(self.snapshot)

    # orders for a Manager

    def replay(self) -> list[Boot]:
        """Return the orders to boot the candidates, for a new Manager that has the live snapshot."""
        return [candidate.order(self.live, self.snapshot) for candidate in self.candidates]

    def briefing(self) -> list[Reload]:
        """Return the orders that a new Manager needs: the live snapshot and the candidates."""
        orders = []
        if self.live:
            handover: Handover = "exclusive" if self.handover == "exclusive" else "overlap"
            orders = [Reload(self.live, 0, own_python(self.snapshot.values()), handover, live=True)]
        for boot in self.replay():
            orders.append(Reload(boot.generation, boot.base, own_python(boot.changes), boot.handover))
        return orders

    # the disk, compared with what runs or boots

    @property
    def _newest(self) -> Snapshot:
        """Return the snapshot that will run if no boot fails and no edit comes."""
        return self.candidates[-1].snapshot if self.candidates else self.snapshot

    def _blocking(self) -> dict[str, Failure]:
        """Return the failures of broken files that the live code uses and that differ from its snapshot."""
        used = self.uses.of(self.live)
        broken = self.disk.broken_beside(self.snapshot)
        return {path: failure for path, failure in broken.items() if path in used}

    def _counts(self, file: Source) -> bool:
        """Return whether a file of an edit is a reason to boot; a broken one only if newer code uses it."""
        if digest_in(self._newest, file.path) == file.digest:
            return False
        newer = self.uses.of(self._number) if self._tried or self.candidates else ()
        return file.path not in self.disk.broken or file.path in newer

    def _is_untried(self) -> bool:
        """Return whether the disk holds code that neither runs nor boots nor has failed to boot."""
        if self._tried and not self.disk.differs(self._tried[0]):
            return False
        return self.disk.differs(self._newest) or bool(self._tried and not (self.live or self.candidates))

    def _on_disk(self) -> Snapshot:
        return self.disk.over(self.snapshot)
