"""What supervision decides: frozen values, which the Supervisor carries out in order."""

from __future__ import annotations

from msgspec import Struct

from devserver.master.supervision.facts import TimerFact
from devserver.master.supervision.worker_record import WorkerRecord


class Retire(Struct, frozen=True):
    """Start no more jobs on a Worker, and order it to exit once its jobs are finished."""

    worker: WorkerRecord


class Terminate(Struct, frozen=True):
    """Send SIGTERM to a Worker that is overdue, and SIGKILL soon after."""

    worker: WorkerRecord


class Kill(Struct, frozen=True):
    """Send SIGKILL to a Worker."""

    worker: WorkerRecord


class Later(Struct, frozen=True):
    """Report a fact in so many seconds."""

    seconds: float
    fact: TimerFact


Command = Retire | Terminate | Kill | Later
