"""A generation that is tried: what it would run, and how it is ordered. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from devserver.common.failure import Failure
from devserver.ipc.messages import Handover
from devserver.master.reload.commands import Boot
from devserver.master.reload.disk import Snapshot, changes

MOST_CANDIDATES = 2
"""An app that boots slower than its author saves still gets somewhere: the elder candidate is let finish."""


@dataclass(slots=True)
class Candidate:
    """A generation that boots. `edit` is the newest edit that it contains."""

    number: int
    edit: int
    snapshot: Snapshot
    paths: tuple[str, ...]
    """The files for whose sake it boots."""
    handover: Handover
    held_back: dict[str, Failure]
    """Broken files in whose place the snapshot has what runs: it cannot go live if it uses one."""

    def order(self, live: int, snapshot: Snapshot) -> Boot:
        """Return how to boot it, based on the live generation and what that runs."""
        return Boot(self.number, live, changes(snapshot, self.snapshot), self.handover, self.edit)
