"""What supervision decides: frozen values, carried out by the Supervisor in their order."""

from __future__ import annotations

from dataclasses import dataclass

from devserver.master.supervision.facts import TimerFact
from devserver.master.supervision.worker_record import WorkerRecord


@dataclass(frozen=True, slots=True)
class Retire:
    """Start no more jobs on a Worker, and tell it to exit once it has finished those that it has."""

    worker: WorkerRecord


@dataclass(frozen=True, slots=True)
class Terminate:
    """Send SIGTERM to a Worker that has had its time, and SIGKILL soon after."""

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
