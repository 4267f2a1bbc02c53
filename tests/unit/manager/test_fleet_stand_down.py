"""A Manager that another one has relieved: its Workers finish, and it leaves."""

from __future__ import annotations

from signal import SIGKILL, SIGTERM

import pytest

from devserver.common.errors import IllegalEvent
from devserver.ipc.messages import (
    DebuggerState,
    Drop,
    Loaded,
    ManagerNotice,
    Retire,
    Source,
    StandDown,
    Stop,
    WorkerGone,
)
from devserver.manager.protocol import DumpStack, Fork, SendToMaster, Signal
from tests.fakes.fleet import KILLED, FleetHarness, configure


def relieved(slots: int = 2) -> FleetHarness:
    """Return a fleet whose Workers have been told to leave."""
    play = FleetHarness(configure(slots=slots))
    play.serve(1)
    assert play.do(StandDown()) == [SendToMaster(Retire(worker)) for worker in range(1, slots + 1)]
    return play


def test_its_workers_leave_when_they_are_idle_and_then_so_does_it() -> None:
    """Nobody is interrupted by a change of Managers."""
    play = relieved()
    assert not play.fleet.done
    assert play.idle(1) == []
    assert play.exits(1) == []
    assert not play.fleet.done
    assert play.exits(2) == []
    assert play.fleet.done
    assert play.fleet.deadline is None


def test_one_without_workers_leaves_at_once() -> None:
    """It would hold memory for nothing."""
    play = FleetHarness()
    assert play.do(StandDown()) == []
    assert play.fleet.done


def test_a_worker_that_dies_is_not_replaced() -> None:
    """Newer code serves elsewhere: this one would answer nothing."""
    play = relieved()
    for worker in (1, 2):
        assert play.exits(worker, KILLED) == []
    assert play.fleet.done


def test_slots_that_are_not_filled_yet_stay_empty() -> None:
    """The roll ends where it is, and nobody says that it was completed."""
    play = FleetHarness(configure(slots=3))
    play.reload(1)
    assert play.ready(1) == [Fork(2, 2, 1)]
    assert play.do(StandDown()) == [SendToMaster(Retire(1)), Signal(2, SIGTERM)]
    assert play.exits(2, SIGTERM, verdict="dropped") == []
    assert play.exits(1) == []
    assert play.fleet.done


def test_a_slot_that_waits_for_its_next_try_is_given_up() -> None:
    """The pause after several deaths is nothing that it waits for."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    worker = 1
    while commands := play.exits(worker, KILLED):
        if not any(isinstance(command, Fork) for command in commands):
            break
        worker += 1
        play.ready(worker)
    assert any(
        isinstance(command, SendToMaster) and isinstance(command.message, ManagerNotice)
        for command in commands
    )
    assert play.fleet.deadline is not None
    assert play.do(StandDown()) == []
    assert play.fleet.deadline is None
    assert play.fleet.done


def test_its_candidates_are_dropped() -> None:
    """What is live elsewhere is newer than what it boots."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    assert play.do(StandDown()) == [SendToMaster(Retire(1)), SendToMaster(Retire(2)), Signal(3, SIGTERM)]
    assert play.exits(3, SIGTERM, verdict="dropped") == []


def test_a_candidate_that_waits_for_the_others_is_dropped_too() -> None:
    """It has no process, so its end is reported in place of one."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.reload(2, base=1, handover="exclusive")
    assert play.do(StandDown()) == [SendToMaster(WorkerGone(2, 1, 2, 0, 0, verdict="dropped"))]
    assert play.exits(1) == []
    assert play.fleet.done


def test_a_candidate_that_is_ready_too_late_starts_nothing() -> None:
    """The Worker's word and the Master's have crossed."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.do(StandDown())
    assert play.ready(3) == []
    assert play.exits(3, SIGTERM, verdict="dropped") == []
    for worker in (1, 2):
        assert play.exits(worker) == []
    assert play.fleet.done


def test_orders_that_were_on_their_way_are_late_news() -> None:
    """The Master speaks to all of them until the last Worker has left."""
    play = relieved()
    assert play.do(Loaded(1, 1, Source("/lazy.py", b"1", b""))) == []
    assert play.do(StandDown()) == []
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.do(StandDown())
    assert play.do(Drop(2)) == []


def test_a_worker_that_never_falls_idle_is_ended_at_the_limit() -> None:
    """As in any other reload, with its stack."""
    play = relieved(slots=1)
    assert play.after(599.0) == []
    assert play.after(1.0) == [DumpStack(1)]
    play.wake()
    assert play.wake() == [Signal(1, SIGKILL, group=True)]
    assert play.exits(1, KILLED, verdict="drain limit") == []


def test_a_second_word_gives_no_more_time() -> None:
    """Each generation that goes live tells it again."""
    play = relieved(slots=1)
    deadline = play.fleet.deadline
    play.now += 300
    play.do(StandDown())
    assert play.fleet.deadline == deadline


def test_who_is_in_a_debugger_is_not_hurried() -> None:
    """The author looks at the old code while the new one serves."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.do(DebuggerState(True, 1))
    assert play.do(StandDown()) == [SendToMaster(Retire(1))]
    assert play.fleet.deadline is None
    assert play.after(6000.0) == []
    play.do(DebuggerState(False, 1))
    assert play.after(599.0) == []
    assert play.after(1.0) == [DumpStack(1)]


def test_a_reload_is_out_of_order() -> None:
    """Candidates are another Manager's from now on; what was asked changes nothing."""
    play = relieved()
    with pytest.raises(IllegalEvent, match="leaves"):
        play.reload(2, base=1)
    assert 2 not in play.fleet.snapshots
    assert play.exits(1) == play.exits(2) == []
    assert play.fleet.done


def test_a_stop_shortens_what_it_had_granted() -> None:
    """Who stops the server does not wait for the drain limit."""
    play = relieved(slots=1)
    assert play.do(Stop(5.0)) == []
    assert play.after(4.9) == []
    assert play.wake() == [Signal(1, SIGTERM)]


def test_a_stop_now_kills_now() -> None:
    """The second Ctrl-C waits for nobody."""
    play = relieved()
    assert play.do(Stop(0.0)) == [Signal(worker, SIGKILL, group=True) for worker in (1, 2)]


def test_it_may_be_relieved_while_it_stops() -> None:
    """The two have crossed: the earlier end counts."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.do(Stop(5.0))
    assert play.do(StandDown()) == []
    assert play.fleet.deadline == play.now + 5.0
