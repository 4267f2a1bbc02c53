"""The life of a Worker as the Master supervises it."""

from __future__ import annotations

from typing import cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.master.dispatch.worker import Worker
from devserver.master.supervision.worker_record import TRANSITIONS, State, Step, WorkerRecord

ORDER: list[set[State]] = [
    {"booting"},
    {"serving", "failed"},
    {"cancelled", "retiring"},
    {"leaving"},
    {"ending"},
]


def record(*steps: Step) -> WorkerRecord:
    """Return a Worker that has gone so far."""
    worker = WorkerRecord(cast(Worker, None), 1)
    for step in steps:
        worker.step(step)
    return worker


@given(st.lists(st.sampled_from(get_args(Step))))
def test_a_worker_never_goes_back(steps: list[Step]) -> None:
    """Whatever is reported of it, in whatever order."""
    worker = record()
    for step in steps:
        before = next(place for place, states in enumerate(ORDER) if worker.state in states)
        changed = worker.step(step)
        after = next(place for place, states in enumerate(ORDER) if worker.state in states)
        assert after > before if changed else after == before


@pytest.mark.parametrize("start", get_args(State))
def test_every_state_is_reached_and_a_late_step_changes_nothing(start: State) -> None:
    """The table is complete: no state is dead, and `step` never raises."""
    assert start == "booting" or start in TRANSITIONS.values()
    for step in get_args(Step):
        worker = record()
        worker.state = start
        assert worker.step(step) == ((start, step) in TRANSITIONS)


def test_only_a_boot_that_never_succeeded_is_one_that_its_generation_waits_for() -> None:
    """One that lost its link has failed; one that is tried again elsewhere is nobody's any more."""
    assert record().booting
    assert record("disconnect").booting
    assert record("fail").booting
    assert not record("fail", "cancel").booting
    assert not record("accept", "disconnect").booting


def test_an_exit_is_planned_once_the_worker_was_ordered_to_exit() -> None:
    """Not while it still has jobs, and not if it was killed."""
    assert record("accept", "retire", "leave").planned
    assert record("cancel").planned
    assert not record("accept", "retire").planned
    assert not record("accept", "retire", "end").planned
    assert record("accept", "retire", "leave", "end").planned
