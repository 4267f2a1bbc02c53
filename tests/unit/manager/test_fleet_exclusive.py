"""The exclusive handover: what only one process can own is handed on, and never lost."""

from __future__ import annotations

from signal import SIGTERM

from devserver.ipc.messages import Drop, Retire, WorkerGone
from devserver.manager.protocol import Command, Exited, Fork, GroupGone, SendToMaster, Signal
from tests.fakes.fleet import KILLED, FleetHarness, configure


def exclusive(play: FleetHarness, generation: int) -> list[Command]:
    return play.reload(generation, base=play.fleet.live, handover="exclusive")


def test_an_exclusive_candidate_starts_when_everybody_has_left() -> None:
    """What only one process can own is free by then, also of the children that the old Worker had."""
    play = FleetHarness()
    play.serve(1)
    assert exclusive(play, 2) == [SendToMaster(Retire(1)), SendToMaster(Retire(2))]
    assert play.exits(2) == []
    play.do(Exited(1, 0))
    del play.alive[1]
    assert play.wake() == [Signal(1, 0, group=True)]
    assert play.do(GroupGone(1)) == [Fork(3, 1, 2)]
    assert play.ready(3) == [Fork(4, 2, 2)]


def test_an_exclusive_candidate_that_fails_brings_the_last_good_code_back() -> None:
    """The old Worker is gone, so another one with its code is started, in each slot."""
    play = FleetHarness()
    play.serve(1)
    exclusive(play, 2)
    play.exits(1)
    assert play.exits(2) == [Fork(3, 1, 2)]
    assert play.exits(3, 256) == [Fork(4, 1, 1)]
    assert play.ready(4) == [Fork(5, 2, 1)]
    assert play.fleet.live == 1


def test_workers_that_left_for_an_exclusive_candidate_are_no_crash_loop() -> None:
    """They were asked to go, so the way back to the last good code has no pause in it."""
    play = FleetHarness(configure(slots=3))
    play.serve(1)
    exclusive(play, 2)
    assert [play.exits(worker) for worker in (1, 2, 3)] == [[], [], [Fork(4, 1, 2)]]
    assert play.exits(4, 256) == [Fork(5, 1, 1)]


def test_an_exclusive_candidate_that_is_dropped_while_it_waits_is_reported_as_exited() -> None:
    """It never had a process; the last good code starts again once the others have left."""
    play = FleetHarness()
    play.serve(1)
    exclusive(play, 2)
    assert play.exits(1) == []
    assert play.do(Drop(2)) == [SendToMaster(WorkerGone(3, 1, 2, 0, 0, verdict="dropped"))]
    assert play.exits(2) == [Fork(4, 1, 1)]


def test_a_newer_exclusive_generation_takes_the_place_of_an_older_one() -> None:
    """Two of them cannot boot side by side, and a fix does not wait for what it fixes."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    exclusive(play, 2)
    assert play.exits(1) == [Fork(2, 1, 2)]
    assert exclusive(play, 3) == [Signal(2, SIGTERM)]
    assert play.exits(2, SIGTERM, verdict="dropped") == [Fork(3, 1, 3)]


def test_nobody_is_replaced_while_an_exclusive_candidate_waits() -> None:
    """A death only makes room for it."""
    play = FleetHarness()
    play.serve(1)
    exclusive(play, 2)
    assert play.exits(1, KILLED) == []
    assert play.exits(2, KILLED) == [Fork(3, 1, 2)]


def test_the_first_exclusive_generation_starts_at_once() -> None:
    """There is nobody to wait for."""
    play = FleetHarness()
    assert exclusive(play, 1) == [Fork(1, 1, 1)]
