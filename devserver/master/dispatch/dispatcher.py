"""Starts units on Workers, and knows which Worker has which in hand.

Law: a Worker's death loses only the units that it had in hand, and each hears of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from devserver.master.dispatch.queue import DispatchQueue, JobKind
from devserver.master.dispatch.worker import Worker

LINK_LIMIT = 4 * 1024 * 1024
"""A Worker that is this many bytes behind gets nothing more."""


class Job(Protocol):
    """A piece of work, or what has one: waits in line, then runs on one Worker. `queued` is dispatch's."""

    queued: bool

    @property
    def kind(self) -> JobKind:
        """Return what is to run it."""

    def startable(self) -> bool:
        """Tell whether there is still something to start, now that its turn has come."""

    def start(self, worker: Worker, number: int) -> None:
        """Give the work to `worker`, as unit `number`."""

    def lost(self, worker: Worker, reason: str) -> None:
        """The Worker that had the unit in hand is dead."""


class Dispatcher:
    """Owns the line and the Workers' list; `changed` hears of each change."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.changed = changed
        self.dispatch: DispatchQueue[Job] = DispatchQueue()
        self.workers: dict[int, Worker] = {}
        self.on_idle: Callable[[Worker], None] = lambda worker: None
        self._last_unit = 0

    @property
    def live(self) -> int:
        """Return the generation that work starts on."""
        return self.dispatch.live

    @property
    def quiet(self) -> bool:
        """Tell whether nobody waits and nobody works."""
        return not self.dispatch.length and all(worker.idle for worker in self.workers.values())

    def offer(self, job: Job) -> None:
        """Start `unit` as soon as there is a Worker for it."""
        self.dispatch.wait(job)
        self.pump()

    def pump(self) -> None:
        """Start as many units as there are Workers for."""
        while found := self.dispatch.next():
            job, seat = found
            if not job.startable():
                continue
            worker = self.workers[seat.worker]
            self._last_unit += 1
            self.dispatch.take(seat, job.kind)
            worker.jobs[self._last_unit] = job
            job.start(worker, self._last_unit)
            seat.clogged = worker.link.unsent > LINK_LIMIT
            self.changed()

    def finished(self, worker: Worker, number: int) -> Job | None:
        """Take back a unit that a Worker has finished, None for one that is not known (any more).

        The caller pumps when it has dealt with it.
        """
        job = worker.jobs.pop(number, None)
        if job is not None:
            self.dispatch.give_back(worker.seat, job.kind)
            self.changed()
        return job

    def rest(self, worker: Worker) -> None:
        """A unit of `worker` was dealt with: tell if it was the last one, and start others."""
        if worker.idle:
            self.on_idle(worker)
        self.pump()

    def unclogged(self, worker: Worker) -> None:
        """The Worker has read what it was sent."""
        if worker.seat.clogged:
            worker.seat.clogged = False
            self.pump()

    def buried(self, worker: Worker, reason: str) -> None:
        """A Worker is dead and has no seat any more: its units are lost, and may go elsewhere."""
        self.workers.pop(worker.id, None)
        jobs, worker.jobs = worker.jobs, {}
        for job in jobs.values():
            job.lost(worker, reason)
        self.pump()
