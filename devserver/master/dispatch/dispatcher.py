"""Starts jobs on Workers, and owns every job that is in hand.

Law: a Worker's death loses only its jobs in hand. The Dispatcher calls `on_worker_died` of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from devserver.master.dispatch.live_code import LiveCode
from devserver.master.dispatch.queue import DispatchQueue, ServedBy, WorkerEntry
from devserver.master.dispatch.worker import Worker

LINK_LIMIT = 4 * 1024 * 1024
"""A Worker with more unread bytes gets no more jobs."""


class Job(Protocol):
    """Work for one Worker, or a client that has some. Only the queue sets `queued`."""

    queued: bool

    @property
    def kind(self) -> ServedBy:
        """Return what runs it."""

    def startable(self) -> bool:
        """Return whether it still has work to start, now that it is next."""

    def start(self, worker: Worker, number: int) -> None:
        """Send the work to `worker`, as job `number`."""

    def on_worker_died(self, worker: Worker, number: int, reason: str) -> None:
        """The Worker with job `number` in hand has died."""


class Dispatcher:
    """Owns the queue and the list of Workers. Job numbers are unique in a run.

    `on_changed` is called after each change, `on_idle` when a Worker has finished its last job.
    """

    def __init__(
        self, on_changed: Callable[[], None], on_idle: Callable[[Worker], None] = lambda worker: None
    ) -> None:
        self.workers: dict[int, Worker] = {}
        self.on_changed = on_changed
        self._on_idle = on_idle
        self._queue: DispatchQueue[Job] = DispatchQueue()
        self.code = LiveCode()
        """The code on which jobs start."""
        self._jobs: dict[int, tuple[WorkerEntry, Job]] = {}
        self._last_job = 0

    # the Workers

    def add(self, worker: Worker) -> None:
        """Add a Worker that boots; it is spare if another of its slot and generation is blocked."""
        blocked = [self.workers[entry.worker] for entry in self._queue.entries.values() if entry.blocked]
        spare = any((each.slot, each.generation) == (worker.slot, worker.generation) for each in blocked)
        self.workers[worker.id] = worker
        self._queue.entries[worker.id] = WorkerEntry(worker.id, worker.generation, spare=spare)

    def accept(self, worker: Worker, capacity: Mapping[ServedBy, int]) -> None:
        """Let the Worker run up to `capacity` jobs of each kind (0: unbounded). `pump` starts them."""
        entry = self._queue.entries[worker.id]
        entry.ready, entry.capacity = True, dict(capacity)

    def retire(self, worker: Worker) -> bool:
        """Start no more jobs on this Worker; return whether that is new."""
        if self.is_retired(worker):
            return False
        self._queue.entries[worker.id].leaving = True
        return True

    def block(self, worker: Worker, blocked: bool) -> None:
        """Start no jobs on this Worker while a prompt blocks it."""
        if entry := self._queue.entries.get(worker.id):
            entry.blocked = blocked
        if not blocked:
            self.pump()

    def bar(self, worker: Worker) -> None:
        """Start no more jobs on this Worker: its process has exited. Its last messages still count."""
        self._queue.entries[worker.id].dead = True

    def remove(self, worker: Worker, reason: str) -> None:
        """Remove a dead Worker: its jobs are lost, and may start elsewhere."""
        self.workers.pop(worker.id, None)
        entry = self._queue.entries.pop(worker.id, None)
        lost = {number: job for number, (owner, job) in self._jobs.items() if owner is entry}
        for number in lost:
            del self._jobs[number]
        for number, job in lost.items():
            job.on_worker_died(worker, number, reason)
        self.pump()

    def on_drained(self, worker: Worker) -> None:
        """The Worker has read everything that was sent to it."""
        entry = self._queue.entries.get(worker.id)
        if entry is not None and entry.clogged:
            entry.clogged = False
            self.pump()

    def is_retired(self, worker: Worker) -> bool:
        """Return whether no more jobs start on this Worker."""
        entry = self._queue.entries.get(worker.id)
        return entry is None or entry.leaving

    def is_idle(self, worker: Worker) -> bool:
        """Return whether the Worker has no job in hand."""
        entry = self._queue.entries.get(worker.id)
        return entry is None or not entry.load

    def loads(self) -> dict[int, tuple[int, int]]:
        """Return how many jobs each ready Worker runs, and how many it has finished."""
        entries = self._queue.entries.values()
        return {entry.worker: (entry.load, entry.handled) for entry in entries if entry.ready}

    # the code

    @property
    def serves_live(self) -> bool:
        """Return whether a Worker of the live generation is ready."""
        return any(
            each.ready and each.generation == self._queue.live for each in self._queue.entries.values()
        )

    def go_live(self, code: LiveCode) -> None:
        """Start every job on this code from now on. `pump` starts the waiting ones."""
        self.code = code
        self._queue.live = code.generation

    # the jobs

    @property
    def waiting(self) -> int:
        """Return how many jobs wait for a Worker."""
        return self._queue.length

    @property
    def quiet(self) -> bool:
        """Return whether no job waits or runs."""
        return not self._queue.length and not self._jobs

    def jobs_in_hand(self) -> list[Job]:
        """Return the jobs in hand; one that has left a run behind may appear twice."""
        return [job for _, job in self._jobs.values()]

    def enqueue(self, job: Job) -> None:
        """Queue the job: the next `pump` that finds a Worker for it starts it."""
        self._queue.put(job)

    def offer(self, job: Job) -> None:
        """Start the job as soon as there is a Worker for it."""
        self._queue.put(job)
        self.pump()

    def pump(self) -> None:
        """Start every waiting job for which a Worker has room."""
        while found := self._queue.next():
            job, entry = found
            if not job.startable():
                continue
            worker = self.workers[entry.worker]
            self._last_job = number = self._last_job + 1
            self._queue.start(entry, job.kind)
            self._jobs[number] = entry, job
            job.start(worker, number)
            entry.clogged = worker.link.unsent > LINK_LIMIT
            self.on_changed()

    def job(self, worker: Worker, number: int) -> Job | None:
        """Return the job in a message of `worker`, None if the Worker does not have it in hand.

        Such a message shows that the Worker does not hang.
        """
        entry, job = self._jobs.get(number, _NO_JOB)
        if entry is None or entry.worker != worker.id:
            return None
        self._queue.note_message(entry)
        return job

    def finish(self, worker: Worker, number: int) -> Job | None:
        """Take a finished job from its Worker; return None if the Worker does not have it in hand.

        The caller handles the job, then calls `proceed`.
        """
        entry, job = self._jobs.get(number, _NO_JOB)
        if entry is None or job is None or entry.worker != worker.id:
            return None
        del self._jobs[number]
        self._queue.finish(entry, job.kind)
        self.on_changed()
        return job

    def proceed(self, worker: Worker) -> None:
        """Report the Worker as idle if the handled job was its last one, and start other jobs."""
        if self.is_idle(worker):
            self._on_idle(worker)
        if self._queue.length:
            self.pump()


_NO_JOB: tuple[None, None] = (None, None)
