"""What the Master's parts report: one callable takes every fact, in the order in which they happen."""

from __future__ import annotations

from msgspec import Struct

from devserver.ipc.messages import WorkerGone
from devserver.master.dispatch.worker import Worker, WorkerFact
from devserver.master.supervision.manager import ManagerFact
from devserver.master.terminal.prompts import PromptChanged


class BriefingDue(Struct, frozen=True):
    """A Manager was launched: it must be told the live snapshot and the candidates."""


class WorkerDied(Struct, frozen=True):
    """A Worker is dead, and all that it has sent was taken in: its jobs are lost."""

    worker: Worker
    cause: str
    """The exit reason, with the Manager's verdict."""


class WorkerRemoved(Struct, frozen=True):
    """Nothing of a dead Worker is left. `exited` is None for an orphan."""

    worker: Worker
    reason: str
    exited: WorkerGone | None


class BootAborted(Struct, frozen=True):
    """A Worker ended before it had a process."""

    generation: int
    verdict: str


class CandidatesStranded(Struct, frozen=True):
    """A Manager that may have had candidates is gone, and another one serves."""


class ReloadRequested(Struct, frozen=True):
    """A Manager was signalled to reload."""


Fact = (
    WorkerFact
    | ManagerFact
    | PromptChanged
    | BriefingDue
    | WorkerDied
    | WorkerRemoved
    | BootAborted
    | CandidatesStranded
    | ReloadRequested
)
