"""A candidate: its snapshot, and the order that boots it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from devserver.common.failure import Failure
from devserver.ipc.messages import Handover
from devserver.master.reload.commands import Boot
from devserver.master.reload.disk import Snapshot, changes

MOST_CANDIDATES = 2
"""With two, an app that boots slower than its author saves still goes live: the older one finishes."""


@dataclass(slots=True)
class Candidate:
    """A generation that boots. `edit` is the newest edit that it contains."""

    number: int
    edit: int
    snapshot: Snapshot
    paths: tuple[str, ...]
    """The changed files that are the reason for the boot."""
    handover: Handover
    held_back: dict[str, Failure]
    """Broken files, for which the snapshot has the good text: it cannot go live if it uses one."""

    def order(self, live: int, snapshot: Snapshot) -> Boot:
        """Return the order to boot it, based on the live generation and its snapshot."""
        return Boot(self.number, live, changes(snapshot, self.snapshot), self.handover, self.edit)
