"""Jobs start on Workers, and the jobs of a Worker that died get the reason."""

from __future__ import annotations

from typing import cast

from devserver.master.dispatch.dispatcher import LINK_LIMIT, Dispatcher
from devserver.master.dispatch.live_code import LiveCode
from devserver.master.dispatch.queue import ServedBy
from devserver.master.dispatch.worker import Worker
from tests.fakes.worker import FakeWorker


class FakeJob:
    """A job that notes what becomes of it."""

    def __init__(self, kind: ServedBy = "app", *, startable: bool = True) -> None:
        self.queued = False
        self.kind = kind
        self.begun: list[tuple[int, int]] = []
        self.reasons: list[str] = []
        self._startable = startable

    def startable(self) -> bool:
        return self._startable

    def start(self, worker: Worker, number: int) -> None:
        self.begun.append((worker.id, number))

    def on_worker_died(self, worker: Worker, number: int, reason: str) -> None:
        self.reasons.append(f"{worker.id}: {reason}")


class DispatcherHarness:
    """A dispatcher with fake Workers, the first of which is numbered 1."""

    def __init__(self, *workers: FakeWorker) -> None:
        self.changes = 0
        self.dispatcher = Dispatcher(self._changed)
        self.dispatcher.go_live(LiveCode(1))
        for worker in workers:
            self.add(worker)

    def _changed(self) -> None:
        self.changes += 1

    def add(self, worker: FakeWorker) -> None:
        self.dispatcher.add(as_worker(worker))
        self.dispatcher.accept(as_worker(worker), worker.capacity)

    def offer(self, *jobs: FakeJob) -> None:
        for job in jobs:
            self.dispatcher.offer(job)


def as_worker(worker: FakeWorker) -> Worker:
    return cast(Worker, worker)


def test_jobs_start_at_once_where_there_is_room_and_wait_otherwise() -> None:
    """One at a time on a Worker with one thread; the next when the first is done."""
    worker = FakeWorker(1, 1, capacity=1)
    harness = DispatcherHarness(worker)
    first, second = FakeJob(), FakeJob()
    harness.offer(first, second)
    assert first.begun == [(1, 1)]
    assert second.begun == []
    assert not harness.dispatcher.quiet
    assert harness.dispatcher.finish(as_worker(worker), 1) is first
    harness.dispatcher.proceed(as_worker(worker))
    assert second.begun == [(1, 2)]


def test_requests_and_frames_have_a_capacity_each() -> None:
    """A handler that is busy keeps no request waiting."""
    harness = DispatcherHarness(FakeWorker(1, 1, capacity=1))
    frames, requests = [FakeJob("handlers"), FakeJob("handlers")], [FakeJob(), FakeJob()]
    harness.offer(*frames, *requests)
    assert [bool(job.begun) for job in (*frames, *requests)] == [True, False, True, False]


def test_what_nobody_wants_any_more_is_skipped() -> None:
    """It takes no seat, and the next in line starts."""
    worker = FakeWorker(1, 1, capacity=1)
    harness = DispatcherHarness()
    stale, wanted = FakeJob(startable=False), FakeJob()
    harness.offer(stale, wanted)
    harness.add(worker)
    harness.dispatcher.pump()
    assert stale.begun == []
    assert wanted.begun == [(1, 1)]
    assert harness.dispatcher.loads() == {1: (1, 0)}


def test_a_death_is_reported_to_each_job_that_was_in_hand() -> None:
    """And to no other; what waits starts elsewhere."""
    first, second = FakeWorker(1, 1), FakeWorker(2, 1, capacity=1)
    harness = DispatcherHarness(first)
    lost = [FakeJob(), FakeJob()]
    harness.offer(*lost)
    harness.add(second)
    harness.dispatcher.bar(as_worker(first))
    kept, waits = FakeJob(), FakeJob()
    harness.offer(kept, waits)
    harness.dispatcher.remove(as_worker(first), "killed")
    assert [job.reasons for job in lost] == [["1: killed"], ["1: killed"]]
    assert (kept.reasons, waits.reasons, waits.begun) == ([], [], [])
    assert harness.dispatcher.finish(as_worker(first), 1) is None
    assert list(harness.dispatcher.workers) == [2]


def test_a_lost_job_may_be_offered_again_while_the_others_are_reported() -> None:
    """A request that is run once more does not disturb the burial."""
    first, second = FakeWorker(1, 1), FakeWorker(2, 1)
    harness = DispatcherHarness(first)

    class Again(FakeJob):
        def on_worker_died(self, worker: Worker, number: int, reason: str) -> None:
            super().on_worker_died(worker, number, reason)
            harness.offer(self)

    jobs = [Again(), Again()]
    harness.offer(*jobs)
    harness.add(second)
    harness.dispatcher.bar(as_worker(first))
    harness.dispatcher.remove(as_worker(first), "killed")
    assert [job.begun for job in jobs] == [[(1, 1), (2, 3)], [(1, 2), (2, 4)]]


def test_the_end_of_a_job_that_is_not_known_changes_nothing() -> None:
    """A Worker's word may come after its burial, or twice."""
    worker = FakeWorker(1, 1)
    harness = DispatcherHarness(worker)
    harness.offer(FakeJob())
    assert harness.dispatcher.finish(as_worker(worker), 1) is not None
    changes = harness.changes
    assert harness.dispatcher.finish(as_worker(worker), 1) is None
    assert harness.dispatcher.loads() == {1: (0, 1)}
    assert harness.changes == changes


def test_a_job_is_its_workers_only() -> None:
    """What another Worker reports of that number is not believed."""
    first, second = FakeWorker(1, 1), FakeWorker(2, 1)
    harness = DispatcherHarness(first)
    job = FakeJob()
    harness.offer(job)
    harness.add(second)
    assert harness.dispatcher.job(as_worker(second), 1) is None
    assert harness.dispatcher.finish(as_worker(second), 1) is None
    assert harness.dispatcher.job(as_worker(first), 1) is job


def test_a_dead_worker_gets_no_job_for_what_it_said_last() -> None:
    """Its link may still hold the end of a job; the next one waits for a Worker that lives."""
    worker = FakeWorker(1, 1, capacity=1)
    harness = DispatcherHarness(worker)
    ended, waits = FakeJob(), FakeJob()
    harness.offer(ended, waits)
    harness.dispatcher.bar(as_worker(worker))
    assert harness.dispatcher.finish(as_worker(worker), 1) is ended
    harness.dispatcher.proceed(as_worker(worker))
    assert waits.begun == []


def test_a_worker_started_for_a_blocked_one_is_spare() -> None:
    """Once the prompt is left, work goes on where the app keeps its memory."""
    blocked, spare = FakeWorker(1, 1), FakeWorker(2, 1)
    spare.slot = blocked.slot
    harness = DispatcherHarness(blocked)
    harness.dispatcher.block(as_worker(blocked), True)
    harness.add(spare)
    jobs = [FakeJob(), FakeJob()]
    harness.offer(jobs[0])
    harness.dispatcher.block(as_worker(blocked), False)
    harness.offer(jobs[1])
    assert [job.begun for job in jobs] == [[(2, 1)], [(1, 2)]]


def test_a_worker_is_retired_once() -> None:
    """And gets no job from then on."""
    worker = FakeWorker(1, 1)
    harness = DispatcherHarness(worker)
    assert harness.dispatcher.retire(as_worker(worker))
    assert not harness.dispatcher.retire(as_worker(worker))
    job = FakeJob()
    harness.offer(job)
    assert (job.begun, harness.dispatcher.waiting) == ([], 1)


def test_a_worker_that_does_not_read_gets_nothing_more_until_it_has() -> None:
    """Its link does not fill the Master's memory."""
    worker = FakeWorker(1, 1)
    harness = DispatcherHarness(worker)
    worker.link.unsent = LINK_LIMIT + 1
    first, second = FakeJob(), FakeJob()
    harness.offer(first, second)
    assert first.begun
    assert second.begun == []
    worker.link.unsent = 0
    harness.dispatcher.on_drained(as_worker(worker))
    assert second.begun


def test_it_is_quiet_when_nobody_waits_and_nobody_works() -> None:
    """That is when a stop may go on."""
    worker = FakeWorker(1, 1)
    harness = DispatcherHarness(worker)
    assert harness.dispatcher.quiet
    harness.offer(FakeJob())
    assert not harness.dispatcher.quiet
    harness.dispatcher.finish(as_worker(worker), 1)
    assert harness.dispatcher.quiet
