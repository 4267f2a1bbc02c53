"""A reload from the candidate to the last slot: who is forked, who is ordered to leave, in what order."""

from __future__ import annotations

import pytest

from devserver.common.errors import IllegalEvent
from devserver.ipc.messages import (
    BootDone,
    Drop,
    Loaded,
    Reload,
    Retire,
    RollDone,
    Source,
    WorkerGone,
)
from devserver.manager.protocol import Exited, Fork, ForkFailed, SendToMaster, Signal
from tests.fakes.fleet import KILLED, FleetHarness, configure

TERM, KILL = 15, 9


def test_the_first_generation_boots_one_worker_then_the_other_slots() -> None:
    """The first Worker answers as soon as it can; the others follow one at a time."""
    play = FleetHarness(configure(slots=3))
    assert play.reload(1) == [Fork(1, 1, 1)]
    assert play.ready(1) == [Fork(2, 2, 1)]
    assert play.ready(2) == [Fork(3, 3, 1)]
    assert play.ready(3) == [SendToMaster(RollDone(1))]
    assert play.fleet.deadline is None


def test_a_candidate_boots_beside_what_serves() -> None:
    """A save starts one Worker with the new code and touches none with the old."""
    play = FleetHarness()
    play.serve(1)
    assert play.reload(2, base=1) == [Fork(3, 1, 2)]


def test_the_other_slots_follow_one_boot_at_a_time() -> None:
    """Once the first new Worker is accepted the roll goes on, though the old ones are busy."""
    play = FleetHarness(configure(slots=3))
    play.serve(1)
    play.reload(2, base=1)
    assert play.ready(4) == [Fork(5, 2, 2)]
    assert play.ready(5) == [Fork(6, 3, 2)]
    assert play.ready(6) == [SendToMaster(RollDone(2))]


def test_slots_whose_old_worker_is_idle_come_first() -> None:
    """A busy old Worker keeps its memory warm a little longer; an idle slot is filled before."""
    play = FleetHarness(configure(slots=4))
    play.serve(1)
    play.reload(2, base=1)
    assert play.ready(5) == [Fork(6, 2, 2)]
    assert play.idle(4) == [SendToMaster(Retire(4))]
    assert play.ready(6) == [Fork(7, 4, 2)]
    assert play.ready(7) == [Fork(8, 3, 2)]


def test_old_workers_are_ordered_to_leave_as_they_fall_idle_even_before_their_slot_is_filled() -> None:
    """Old code answers nothing new, so an idle old Worker only holds memory."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    assert play.idle(1) == []
    play.ready(3)
    assert play.idle(2) == [SendToMaster(Retire(2))]
    assert play.idle(2) == []
    assert play.exits(2) == []
    assert play.ready(4) == [SendToMaster(RollDone(2))]


def test_a_candidate_that_fails_is_reported_and_nothing_else_happens() -> None:
    """Bad code never replaces good code, and is not tried again by itself."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    assert play.exits(3, 3 << 8) == []
    assert play.fleet.live == 1
    assert play.fleet.deadline is None
    assert play.reload(3, base=1) == [Fork(4, 1, 3)]


def test_two_candidates_boot_side_by_side() -> None:
    """A newer save does not wait for a boot that never ends."""
    play = FleetHarness()
    play.serve(1)
    assert play.reload(2, base=1) == [Fork(3, 1, 2)]
    assert play.reload(3, base=1) == [Fork(4, 1, 3)]
    with pytest.raises(IllegalEvent, match="too many"):
        play.reload(4, base=1)
    assert 4 not in play.fleet.snapshots


def test_a_generation_that_goes_live_drops_older_candidates_only() -> None:
    """The newest code that is ready serves; a still newer one goes on booting."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.reload(3, base=1)
    commands = play.ready(4)
    assert commands == [Signal(3, TERM), Fork(5, 2, 3)]
    assert play.exits(3, TERM, verdict="dropped") == []

    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.reload(3, base=1)
    assert play.ready(3) == [Fork(5, 2, 2)]
    assert play.ready(4) == [Signal(5, TERM), Fork(6, 2, 3)]
    assert play.fleet.live == 3


def test_a_dropped_candidate_gets_half_a_second_to_go() -> None:
    """SIGTERM first, then SIGKILL to all it has started."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    assert play.do(Drop(2)) == [Signal(3, TERM)]
    assert play.after(0.49) == []
    assert play.wake() == [Signal(3, KILL, group=True)]
    assert play.exits(3, KILLED, verdict="dropped") == []


def test_a_dropped_candidate_that_is_ready_too_late_does_not_go_live() -> None:
    """The Master has dropped it, so its word and the Worker's have crossed."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.do(Drop(2))
    assert play.ready(3) == []
    assert play.fleet.live == 1


def test_a_drop_of_what_has_failed_or_was_outlived_is_late_news() -> None:
    """The Master drops what it takes for a candidate; by then it may have ended by itself."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.exits(3, 256)
    assert play.do(Drop(2)) == []


def test_a_generation_is_live_even_if_its_worker_died_on_the_way() -> None:
    """The Master has declared it live already, so a Worker of that generation takes its place at once."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.exits(3, KILLED)
    assert play.ready(3) == [Fork(4, 1, 2)]
    assert play.fleet.live == 2


def test_a_worker_that_boots_for_the_old_generation_is_dropped_when_a_new_one_goes_live() -> None:
    """Nothing is started for code that serves nobody any more."""
    play = FleetHarness()
    play.reload(1)
    assert play.ready(1) == [Fork(2, 2, 1)]
    assert play.reload(2, base=1) == [Fork(3, 1, 2)]
    assert play.ready(3) == [Signal(2, TERM), Fork(4, 2, 2)]


def test_a_successor_boots_every_slot_of_the_live_generation() -> None:
    """When a Manager takes over there is no candidate: the code is known to run."""
    play = FleetHarness()
    assert play.reload(7, live=True) == [Fork(1, 1, 7)]
    assert play.fleet.live == 7
    assert play.reload(8, base=7) == [Fork(2, 1, 8)]
    assert play.ready(1) == [Fork(3, 2, 7)]
    assert play.ready(3) == [SendToMaster(RollDone(7))]


def test_rolled_is_reported_once_a_generation() -> None:
    """A Worker that is replaced later on is no second reload."""
    play = FleetHarness()
    play.serve(1)
    assert play.exits(1, KILLED) == [Fork(3, 1, 1)]
    assert play.ready(3) == []


def test_a_late_import_is_there_when_the_worker_is_started_again() -> None:
    """What a Worker read from the disk belongs to its generation."""
    play = FleetHarness()
    play.serve(1)
    source = Source("/lazy.py", b"1", b"x = 1")
    assert play.do(Loaded(1, 1, source)) == []
    assert play.fleet.snapshots[1]["/lazy.py"] is source


def test_what_is_outlived_is_forgotten() -> None:
    """The sources of old generations do not stay in memory."""
    play = FleetHarness()
    play.serve(1)
    play.serve(2)
    assert [generation in play.fleet.snapshots for generation in (1, 2)] == [False, True]


@pytest.mark.parametrize(
    "event",
    [
        Reload(1, 0, ()),
        Reload(9, 5, ()),
        Drop(1),
        Drop(9),
        BootDone(1, 1, ()),
        BootDone(1, 9, ()),
        BootDone(2, 2, ()),
        BootDone(77, 1, ()),
        Exited(77, 0),
    ],
    ids=repr,
)
def test_what_cannot_be_raises_and_changes_nothing(event: object) -> None:
    """An impossible report neither starts nor ends anything."""
    play = FleetHarness()
    play.serve(1)
    with pytest.raises(IllegalEvent):
        play.do(event)  # type: ignore[arg-type]
    assert play.fleet.live == 1
    assert play.after(0.0) == []
    assert play.reload(2, base=1) == [Fork(3, 1, 2)]


def test_news_of_a_worker_that_has_left_is_late_and_ignored() -> None:
    """The Master cannot know of a death before it is reported."""
    play = FleetHarness()
    play.serve(1)
    play.serve(2)
    assert play.idle(1) == []
    assert play.ready(1) == []


def test_a_fork_that_fails_is_a_failed_boot() -> None:
    """The Master hears why there is no Worker, as of any other that did not boot."""
    play = FleetHarness()
    commands = play.fleet.handle(Reload(1, 0, ()), play.now)
    assert commands == [Fork(1, 1, 1)]
    report = WorkerGone(1, 1, 1, 0, 256, verdict="fork failed: no memory")
    assert play.fleet.handle(ForkFailed(1, "no memory"), play.now) == [SendToMaster(report)]
    assert play.fleet.deadline is None
