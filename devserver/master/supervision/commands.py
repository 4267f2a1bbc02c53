"""What supervision decides: frozen values, which the Supervisor carries out in order."""

from __future__ import annotations

from dataclasses import dataclass

from devserver.master.supervision.facts import TimerFact
from devserver.master.supervision.worker_record import WorkerRecord


@dataclass(frozen=True, slots=True)
class Retire:
    """Start no more jobs on a Worker, and order it to exit once its jobs are finished."""

    worker: WorkerRecord


@dataclass(frozen=True, slots=True)
class Terminate:
    """Send SIGTERM to a Worker that is overdue, and SIGKILL soon after."""

    worker: WorkerRecord


@dataclass(frozen=True, slots=True)
class Kill:
    """Send SIGKILL to a Worker."""

    worker: WorkerRecord


@dataclass(frozen=True, slots=True)
class Later:
    """Report a fact in so many seconds."""

    seconds: float
    fact: TimerFact


Command = Retire | Terminate | Kill | Later
