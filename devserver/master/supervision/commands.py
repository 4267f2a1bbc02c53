"""What supervision decides: frozen values, which the Supervisor carries out in order.

Managers are named by their numbers.
"""

from __future__ import annotations

from msgspec import Struct

from devserver.ipc.messages import ToManager
from devserver.master.supervision.facts import TimerFact
from devserver.master.supervision.worker_record import WorkerRecord


class Retire(Struct, frozen=True):
    """Start no more jobs on a Worker, and order it to exit once its jobs are finished."""

    worker: WorkerRecord


class CancelBoot(Struct, frozen=True):
    """Send SIGTERM to a Worker whose generation is tried again elsewhere."""

    worker: WorkerRecord


class Terminate(Struct, frozen=True):
    """Send SIGTERM to a Worker that is overdue, and SIGKILL soon after."""

    worker: WorkerRecord


class Kill(Struct, frozen=True):
    """Send SIGKILL to a Worker."""

    worker: WorkerRecord


class SendTo(Struct, frozen=True):
    """Send a Manager a message; one that exits gets none: its successor gets all orders again."""

    manager: int
    message: ToManager


class Watch(Struct, frozen=True):
    """Require answers of a Manager from now on."""

    manager: int


class EndManager(Struct, frozen=True):
    """Kill a Manager; ManagerDied follows. `why`: it does not answer, so it counts as lost at once."""

    manager: int
    why: str = ""


class DiscardManager(Struct, frozen=True):
    """Kill a Manager that has no Worker; no fact follows."""

    manager: int


class Later(Struct, frozen=True):
    """Report a fact in so many seconds."""

    seconds: float
    fact: TimerFact


WorkerCommand = Retire | CancelBoot | Terminate | Kill
ManagerCommand = SendTo | EndManager | DiscardManager
Command = WorkerCommand | ManagerCommand | Watch | Later
