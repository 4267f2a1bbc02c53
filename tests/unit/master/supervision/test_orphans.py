"""What becomes of Workers whose Manager has died: values in, commands out."""

from __future__ import annotations

from typing import Any, cast

from devserver.ipc.messages import WorkerForked
from devserver.master.dispatch.worker import Worker
from devserver.master.supervision import orphans
from devserver.master.supervision.commands import Kill, Later, Retire, Terminate
from devserver.master.supervision.facts import WorkerOverdue
from devserver.master.supervision.worker_record import Step, WorkerRecord

DRAIN = 600.0


def orphan(generation: int, *steps: Step) -> WorkerRecord:
    """Return a Worker of a generation that has gone so far."""
    process = cast(Worker, cast(Any, WorkerForked(1, 1, generation, 4711)))
    worker = WorkerRecord(process, None)
    for step in steps:
        worker.step(step)
    return worker


def test_live_workers_serve_on_without_a_manager() -> None:
    """And a replacement that boots for the live code may become ready."""
    assert orphans.adopt([orphan(3, "accept"), orphan(3)], 3, DRAIN) == []


def test_a_candidate_that_boots_is_killed_and_an_older_worker_finishes() -> None:
    """The next Manager starts the candidate again; who has jobs of older code gets the drain limit."""
    candidate, old = orphan(4), orphan(2, "accept")
    assert orphans.adopt([candidate, old], 3, DRAIN) == [
        Terminate(candidate),
        Retire(old),
        Later(DRAIN, WorkerOverdue(old)),
    ]


def test_once_others_do_their_work_those_that_serve_are_retired() -> None:
    """One that is on its way out already keeps its own limit."""
    serves, leaves = orphan(3, "accept"), orphan(3, "accept", "retire")
    assert orphans.retire_all([serves, leaves], DRAIN) == [
        Retire(serves),
        Later(DRAIN, WorkerOverdue(serves)),
    ]


def test_a_stop_gives_them_its_time_or_none() -> None:
    """At once means at once."""
    worker = orphan(3, "accept")
    assert orphans.stop([worker], 5.0) == [Retire(worker), Later(5.0, WorkerOverdue(worker))]
    assert orphans.stop([worker], 0.0) == [Kill(worker)]
    assert orphans.stop([worker], -1.0) == [Kill(worker)]
