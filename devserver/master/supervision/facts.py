"""What the Master's parts report: one callable takes all facts, in the order in which they happen."""

from __future__ import annotations

from msgspec import Struct

from devserver.ipc.messages import WorkerGone
from devserver.master.dispatch.worker import Worker, WorkerFact
from devserver.master.supervision.manager import ManagerFact
from devserver.master.supervision.worker_record import WorkerRecord
from devserver.master.terminal.prompts import PromptChanged


class BriefingDue(Struct, frozen=True):
    """A Manager was launched: it needs the live snapshot and the candidates."""


class WorkerAdded(Struct, frozen=True):
    """A Worker was forked."""

    worker: Worker


class LaunchDue(Struct, frozen=True):
    """The pause before the next Manager is over."""


class WorkerOverdue(Struct, frozen=True):
    """A Worker should have exited by now."""

    worker: WorkerRecord


class KillDue(Struct, frozen=True):
    """A Worker that got SIGTERM should have exited by now."""

    worker: WorkerRecord


class ManagerOverdue(Struct, frozen=True):
    """A Manager should have exited by now."""

    manager: int


class HeartbeatDue(Struct, frozen=True):
    """A second has passed since a Manager was asked, or has answered."""

    manager: int


class PreloadDue(Struct, frozen=True):
    """Imports were not reported for a while: the standby Manager may be prepared. `turn`: of its timers."""

    turn: int


class PreloadOverdue(Struct, frozen=True):
    """The standby Manager should have preloaded by now."""

    turn: int


TimerFact = LaunchDue | WorkerOverdue | KillDue | ManagerOverdue | HeartbeatDue | PreloadDue | PreloadOverdue


class WorkerDied(Struct, frozen=True):
    """A Worker is dead, and all that it has sent was read: its jobs are lost."""

    worker: Worker
    cause: str
    """The exit reason, with the Manager's verdict."""


class WorkerRemoved(Struct, frozen=True):
    """Nothing of a dead Worker is left. `exited` is None for an orphan."""

    worker: WorkerRecord
    reason: str
    exited: WorkerGone | None


class BootAborted(Struct, frozen=True):
    """A Worker ended before it had a process."""

    generation: int
    verdict: str


class CandidatesStranded(Struct, frozen=True):
    """A Manager that may have had candidates is gone, and another one serves."""


class ReloadRequested(Struct, frozen=True):
    """A Manager got a signal to reload."""


Fact = (
    WorkerFact
    | ManagerFact
    | PromptChanged
    | TimerFact
    | BriefingDue
    | WorkerAdded
    | WorkerDied
    | WorkerRemoved
    | BootAborted
    | CandidatesStranded
    | ReloadRequested
)
