"""How a Manager leaves: stopped by the user, or relieved by its successor."""

from __future__ import annotations

from signal import SIGKILL, SIGTERM

import pytest

from devserver.common.errors import IllegalEvent
from devserver.ipc.messages import DebuggerState, Drop, Retire, Stop
from devserver.manager.protocol import Exited, GroupGone, SendToMaster, Signal
from tests.fakes.fleet import KILLED, FleetHarness, configure


def test_a_stop_lets_everybody_finish() -> None:
    """All are ordered to leave; the Manager goes when the last one was reaped, and its group is gone."""
    play = FleetHarness()
    play.serve(1)
    assert play.do(Stop(5.0)) == [SendToMaster(Retire(1)), SendToMaster(Retire(2))]
    assert play.exits(1) == []
    play.do(Exited(2, 0))
    assert not play.fleet.done
    play.do(GroupGone(2))
    assert play.fleet.done


def test_at_the_deadline_of_a_stop_the_rest_is_ended() -> None:
    """SIGTERM at the deadline, SIGKILL to each group a second later."""
    play = FleetHarness()
    play.serve(1)
    play.do(Stop(5.0))
    play.exits(1)
    assert play.after(4.9) == []
    assert play.wake() == [Signal(2, SIGTERM)]
    assert play.after(0.9) == []
    assert play.wake() == [Signal(2, SIGKILL, group=True)]
    del play.alive[2]
    assert Signal(2, SIGKILL, group=True) in play.do(Exited(2, KILLED))
    play.do(GroupGone(2))
    assert play.fleet.done


def test_a_stop_now_kills_now() -> None:
    """The second Ctrl-C waits for nobody, whatever state they are in."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.do(Stop(5.0))
    commands = play.do(Stop(0.0))
    assert commands == [Signal(worker, SIGKILL, group=True) for worker in (1, 2, 3)]


def test_a_later_stop_never_gives_more_time() -> None:
    """The Master's death after a stop with one second is no reason to wait for five."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.do(Stop(1.0))
    play.do(Stop(5.0))
    assert play.fleet.deadline == play.now + 1.0


def test_boots_are_ended_at_once_by_a_stop() -> None:
    """They have no work in hand."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    assert play.do(Stop(5.0)) == [SendToMaster(Retire(1)), SendToMaster(Retire(2)), Signal(3, SIGTERM)]
    assert play.exits(3, SIGTERM, verdict="dropped") == []


def test_nobody_is_started_after_a_stop() -> None:
    """Deaths are not made good any more, and a reload is out of order."""
    play = FleetHarness()
    play.serve(1)
    play.do(Stop(5.0))
    assert play.exits(1, KILLED) == []
    with pytest.raises(IllegalEvent, match="leaves"):
        play.reload(2, base=1)


def test_a_stop_does_not_wait_for_a_debugger() -> None:
    """Who stops the server wants it stopped."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.do(DebuggerState(True, 1))
    play.do(Stop(5.0))
    play.do(DebuggerState(True, 1))
    assert play.after(5.0) == [Signal(1, SIGTERM)]


def test_a_stop_ends_nobody_for_being_one_too_many() -> None:
    """All its Workers leave now, and each may finish."""
    play = FleetHarness(configure(slots=1))
    for generation in (1, 2, 3, 4):
        play.reload(generation, base=generation - 1)
        play.ready(generation)
    assert play.do(Stop(5.0)) == [SendToMaster(Retire(worker)) for worker in (1, 2, 3, 4)]


def test_the_first_reason_for_an_end_is_the_one_that_is_reported() -> None:
    """A candidate that was dropped just before the stop was dropped."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.reload(2, base=1)
    play.do(Drop(2))
    play.do(Stop(0.0))
    play.exits(2, KILLED, verdict="dropped")
    play.exits(1, KILLED, verdict="stop deadline")
    assert play.fleet.done


def test_a_second_stop_may_be_shorter() -> None:
    """Whatever was granted before, the earlier deadline counts."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.do(Stop(30.0))
    assert play.do(Stop(5.0)) == []
    assert play.fleet.deadline == play.now + 5.0


def test_a_manager_without_workers_leaves_at_once() -> None:
    """Nothing to wait for."""
    play = FleetHarness()
    assert not play.fleet.done
    assert play.do(Stop(5.0)) == []
    assert play.fleet.done
