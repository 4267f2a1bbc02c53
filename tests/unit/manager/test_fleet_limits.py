"""Patience: with boots, with Workers that are to leave, with crash loops, with leftovers."""

from __future__ import annotations

from signal import SIGKILL, SIGTERM

import pytest

from devserver.common.errors import IllegalEvent
from devserver.ipc.messages import (
    BootDone,
    DebuggerState,
    Drop,
    LeaveWithin,
    ManagerNotice,
    Retire,
    RollDone,
    StandDown,
    StillBooting,
    Stop,
)
from devserver.manager.protocol import (
    DumpStack,
    Exited,
    Fork,
    GroupGone,
    ReadStack,
    SendToMaster,
    Signal,
    StackRead,
)
from devserver.manager.states import LOOKS, READ_AFTER
from tests.fakes.fleet import KILLED, FleetHarness, configure

STACK = "Thread 1: in slow_import"
DUMP = """Current thread 0x00007f4c175ecb80 (most recent call first):
  File "/env/lib/python3.11/site-packages/models.py", line 70 in load
  File "<frozen importlib._bootstrap>", line 241 in _call_with_frames_removed
  File "/app/main.py", line 7 in <module>
"""


IMPORTING = """Current thread 0x00007f4c175ecb80 (most recent call first):
  File "/env/lib/python3.11/site-packages/numpy/core/__init__.py", line 20 in <module>
  File "<frozen importlib._bootstrap>", line 241 in _call_with_frames_removed
  File "/env/lib/python3.11/site-packages/pandas/__init__.py", line 16 in <module>
  File "<frozen importlib._bootstrap>", line 241 in _call_with_frames_removed
  File "/app/main.py", line 7 in <module>
"""

# The boot timeout


def test_a_slow_boot_shows_what_it_imports_at_each_doubling_of_time() -> None:
    """After two, five, ten seconds … it is reported where the import stands, at each boot."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    assert play.after(1.9) == []
    for seconds in (2.0, 5.0, 10.0, 20.0, 40.0):
        assert play.wake() == [DumpStack(3)]
        assert play.wake() == [ReadStack(3)]
        said = StillBooting(3, 2, seconds, "pandas", "/app/main.py", 7)
        assert play.do(StackRead(3, IMPORTING)) == [SendToMaster(said)]
    play.ready(3)
    play.reload(3, base=2)
    play.after(2.0)
    play.after(0.2)
    newest = max(play.alive)
    assert play.do(StackRead(newest, DUMP)) == [
        SendToMaster(StillBooting(newest, 3, 2.0, "", "/app/main.py", 7))
    ]


def test_an_endless_boot_is_killed_and_its_stack_is_reported() -> None:
    """A module that never finishes importing ends at the boot timeout, with the line that it hangs in."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    for _ in LOOKS[:5]:
        assert play.wake() == [DumpStack(3)]
        assert play.wake() == [ReadStack(3)]
        play.do(StackRead(3, DUMP))
    assert play.after(60.0 - LOOKS[4] - READ_AFTER - 0.1) == []
    assert play.wake() == [DumpStack(3)]
    assert play.wake() == [ReadStack(3), Signal(3, SIGKILL, group=True)]
    assert play.do(StackRead(3, STACK)) == []
    assert play.fleet.deadline is None
    assert play.exits(3, KILLED, verdict="boot timeout", stack=STACK) == []
    assert play.fleet.live == 1


def test_a_ready_worker_has_no_boot_timeout_any_more() -> None:
    """Serving for an hour is no slow boot."""
    play = FleetHarness()
    play.serve(1)
    assert play.fleet.deadline is None
    assert play.after(3600.0) == []


def test_the_very_first_boot_may_take_for_ever() -> None:
    """Models load for minutes, and there is nothing that could serve meanwhile."""
    play = FleetHarness(configure(first_boot=True))
    play.reload(1)
    for _ in LOOKS:
        assert play.wake() == [DumpStack(1)]
        assert play.wake() == [ReadStack(1)]
    assert play.fleet.deadline is None
    assert play.reload(2) == [Fork(2, 1, 2)]
    play.ready(2)
    assert play.fleet.deadline is not None
    play.wake()
    play.reload(3, base=2)
    play.after(100.0)
    assert play.after(1.0) != []


def test_no_boot_timeout_if_none_is_wanted() -> None:
    """A timeout of 0 is none; where the boot stands is still reported."""
    play = FleetHarness(configure(boot_timeout=0))
    play.serve(1)
    play.reload(2, base=1)
    for _ in LOOKS:
        assert play.wake() == [DumpStack(3)]
        assert play.wake() == [ReadStack(3)]
    assert play.fleet.deadline is None


def test_a_short_boot_timeout_needs_no_note() -> None:
    """With a limit of one second the report comes after one."""
    play = FleetHarness(configure(boot_timeout=1.0))
    play.reload(1, live=True)
    play.now += 1.0
    assert play.wake() == [DumpStack(1)]
    assert play.wake() == [ReadStack(1), Signal(1, SIGKILL, group=True)]


def test_the_clock_of_a_boot_stops_in_a_debugger() -> None:
    """A breakpoint in the import is not hurried; afterwards the boot has the time that it had."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.after(1.0)
    assert play.do(DebuggerState(True, 3)) == []
    assert play.fleet.deadline is None
    assert play.after(1000.0) == []
    play.do(DebuggerState(False, 3))
    assert play.fleet.deadline == play.now + 1.0


def test_a_replacement_that_hangs_is_reported_as_tried_again() -> None:
    """Its timeout is a failed boot like any other, and the slot is not given up."""
    play = FleetHarness()
    play.serve(1)
    assert play.exits(2, KILLED) == [Fork(3, 2, 1)]
    play.after(60.0)
    play.after(0.3)
    again = SendToMaster(ManagerNotice("warning", "Worker 3 did not boot: slot 2 is tried again"))
    assert play.exits(3, KILLED, verdict="boot timeout") == [again, Fork(4, 2, 1)]


def test_a_debugger_does_not_hold_up_what_is_being_ended() -> None:
    """A dropped candidate goes, breakpoint or not."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.do(Drop(2))
    play.do(DebuggerState(True, 3))
    assert play.after(0.5) == [Signal(3, SIGKILL, group=True)]


def test_a_worker_accepted_while_its_timeout_strikes_is_replaced() -> None:
    """Its generation is live, for the Master said so, and another Worker takes over."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.after(60.0)
    play.after(0.3)
    assert play.ready(3) == [Fork(4, 1, 2)]
    assert play.exits(3, KILLED, verdict="boot timeout") == []
    assert play.fleet.live == 2


# The drain limit


def test_a_busy_old_worker_is_ended_at_the_drain_limit() -> None:
    """It gets ample time; then its stack is noted, SIGTERM sent, and SIGKILL a second later."""
    play = FleetHarness(configure(slots=1, drain=30.0))
    play.serve(1)
    play.reload(2, base=1)
    play.ready(2)
    assert play.after(29.9) == []
    assert play.wake() == [DumpStack(1)]
    assert play.wake() == [ReadStack(1), Signal(1, SIGTERM)]
    assert play.do(StackRead(1, STACK)) == []
    assert play.after(0.9) == []
    assert play.wake() == [Signal(1, SIGKILL, group=True)]
    assert play.exits(1, KILLED, verdict="drain limit", stack=STACK) == []


def test_the_drain_clock_runs_from_the_moment_of_being_outlived() -> None:
    """To be told to leave late does not give more time."""
    play = FleetHarness(configure(slots=1, drain=30.0))
    play.serve(1)
    play.reload(2, base=1)
    play.ready(2)
    play.after(20.0)
    assert play.idle(1) == [SendToMaster(Retire(1))]
    assert play.fleet.deadline == play.now + 10.0


def test_a_worker_in_a_debugger_is_not_drained() -> None:
    """Who stands at a breakpoint while the code is saved keeps it."""
    play = FleetHarness(configure(slots=1, drain=30.0))
    play.serve(1)
    play.do(DebuggerState(True, 1))
    play.after(50.0)
    play.reload(2, base=1)
    play.ready(2)
    assert play.after(1000.0) == []
    play.do(DebuggerState(False, 1))
    assert play.fleet.deadline == play.now + 30.0


def test_no_number_of_saves_ends_a_busy_worker_before_the_drain_limit() -> None:
    """Six requests that take long, one begun after each save, are all let finish."""
    play = FleetHarness(configure(slots=1, drain=600.0))
    for generation in range(1, 8):
        play.reload(generation, base=generation - 1)
        assert play.ready(generation) == [SendToMaster(RollDone(generation))]
        assert play.after(20.0) == []


def test_while_many_workers_are_busy_newer_code_gets_one_each_and_that_is_reported() -> None:
    """Memory is bounded by starting fewer: beyond the slots there are only Workers with work in hand."""
    play = FleetHarness(configure(slots=2))
    play.serve(1)
    play.reload(2, base=1)
    assert play.ready(3) == [Fork(4, 2, 2)]
    play.ready(4)
    play.reload(3, base=2)
    assert play.ready(5) == []
    text = "4 workers still finish work that older code has begun: generation 3 gets 1 of 2 workers"
    assert play.wake() == [SendToMaster(ManagerNotice("info", f"{text} until one of them exits"))]
    assert play.fleet.deadline == 1000.0 + 600.0
    play.idle(1)
    assert play.exits(1) == [Fork(6, 2, 3)]


def test_workers_that_leave_at_once_are_no_crowd() -> None:
    """A save under one busy Worker of three: for a moment six are there, and nothing is reported."""
    play = FleetHarness(configure(slots=3))
    play.serve(1)
    play.reload(2, base=1)
    play.ready(4)
    for worker in (2, 3):
        play.idle(worker)
        play.exits(worker)
    for worker in (5, 6):
        play.ready(worker)
    play.reload(3, base=2)
    play.ready(7)
    for worker in (4, 5, 6):
        play.idle(worker)
        play.exits(worker)
    assert not any(isinstance(command, SendToMaster) for command in play.after(2.0))


def test_a_worker_with_nothing_in_hand_that_does_not_exit_is_ended_with_its_stack() -> None:
    """An endless thread keeps its process no longer than a shutdown may take."""
    play = FleetHarness(configure(slots=1, drain=600.0))
    play.serve(1)
    play.reload(2, base=1)
    play.ready(2)
    play.idle(1)
    assert play.do(LeaveWithin(1, 15.0)) == []
    assert play.after(1.0) == []
    assert play.do(LeaveWithin(1, 5.0)) == []
    assert play.after(4.9) == []
    assert play.wake() == [DumpStack(1)]
    assert play.wake() == [ReadStack(1), Signal(1, SIGTERM)]
    play.do(StackRead(1, STACK))
    assert play.wake() == [Signal(1, SIGKILL, group=True)]
    assert play.exits(1, KILLED, verdict="stop timeout", stack=STACK) == []


def test_a_worker_whose_clients_read_slowly_has_the_drain_limit() -> None:
    """What was sent and not yet read is work in hand, too."""
    play = FleetHarness(configure(slots=1, drain=600.0))
    play.serve(1)
    play.reload(2, base=1)
    play.ready(2)
    play.idle(1)
    play.do(LeaveWithin(1, 15.0))
    play.do(LeaveWithin(1, 600.0, held=False))
    assert play.after(599.0) == []
    play.after(1.0)
    play.after(0.3)
    assert play.exits(1, SIGTERM, verdict="drain limit") == []


def test_the_stop_goes_by_its_own_deadline() -> None:
    """A Worker that reports that it leaves gets no more time for it, and no less."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.do(Stop(3.0))
    play.do(LeaveWithin(1, 15.0))
    assert play.fleet.deadline == play.now + 3.0


def test_a_reload_of_many_slots_ends_nobody() -> None:
    """With eight busy Workers one save makes eight that are to leave: all may finish."""
    play = FleetHarness(configure(slots=8))
    play.serve(1)
    play.reload(2, base=1)
    assert play.ready(9) == [Fork(10, 2, 2)]


def test_a_worker_in_a_debugger_does_not_count_as_leaving() -> None:
    """Neither is it ended for the others nor are they for it."""
    play = FleetHarness(configure(slots=1))
    play.reload(1)
    play.ready(1)
    play.do(DebuggerState(True, 1))
    for generation in (2, 3, 4, 5):
        play.reload(generation, base=generation - 1)
        assert not any(isinstance(command, DumpStack) for command in play.ready(generation))
    play.do(DebuggerState(False, 1))
    assert play.fleet.live == 5


# Deaths


def test_a_serving_worker_that_dies_is_replaced_at_once() -> None:
    """From the live snapshot, into its slot."""
    play = FleetHarness()
    play.serve(1)
    assert play.exits(2, KILLED) == [Fork(3, 2, 1)]


def test_an_old_worker_that_dies_is_not_replaced() -> None:
    """Its slot gets the new code anyway."""
    play = FleetHarness()
    play.serve(1)
    play.reload(2, base=1)
    play.ready(3)
    assert play.exits(2, KILLED) == []


def test_the_only_new_worker_that_dies_in_mid_roll_is_replaced_before_the_roll_goes_on() -> None:
    """Work waits for it, so it comes first."""
    play = FleetHarness(configure(slots=3))
    play.serve(1)
    play.reload(2, base=1)
    play.idle(1)
    play.ready(4)
    play.idle(1)
    play.exits(1)
    play.exits(4, KILLED)
    assert play.exits(5, 256) == [
        SendToMaster(ManagerNotice("warning", "Worker 5 did not boot: slot 2 is tried again")),
        Fork(6, 1, 2),
    ]


def test_a_crash_loop_is_slowed_down_and_reported() -> None:
    """The third death in ten seconds costs 0.1 s, the next ones twice as much each; the user reads why."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    assert play.exits(1, KILLED) == [Fork(2, 1, 1)]
    play.ready(2)
    assert play.exits(2, KILLED) == [Fork(3, 1, 1)]
    play.ready(3)
    text = "Workers of generation 1 keep dying: the next one starts in {} s"
    assert play.exits(3, KILLED) == [SendToMaster(ManagerNotice("warning", text.format("0.1")))]
    assert play.after(0.09) == []
    assert play.wake() == [Fork(4, 1, 1)]
    play.ready(4)
    assert play.exits(4, KILLED) == [SendToMaster(ManagerNotice("warning", text.format("0.2")))]


def test_a_replacement_that_does_not_boot_is_tried_again_with_the_same_pauses() -> None:
    """A slot that lacks its Worker is never given up."""
    play = FleetHarness()
    play.serve(1)
    assert play.exits(2, KILLED) == [Fork(3, 2, 1)]
    assert play.exits(3, 256)[-1] == Fork(4, 2, 1)
    for worker in (4, 5, 6):
        said, *rest = play.exits(worker, 256)
        assert isinstance(said, SendToMaster)
        assert isinstance(said.message, ManagerNotice)
        assert rest == []
        assert play.wake() == [Fork(worker + 1, 2, 1)]
    assert play.ready(7) == []


def test_new_code_starts_without_the_pauses_of_the_old() -> None:
    """The fix of a crash is tried in all slots at once."""
    play = FleetHarness()
    play.serve(1)
    for worker in (1, 3, 4, 5):
        if worker not in play.alive:
            play.wake()
        play.ready(worker) if worker > 2 else None
        play.exits(worker, KILLED)
    assert play.fleet.deadline is not None
    play.reload(2, base=1)
    newest = max(play.alive)
    assert play.ready(newest)[-1] == Fork(newest + 1, 2, 2)


# What is left of a process group


def test_what_a_worker_leaves_behind_is_ended_too() -> None:
    """Children of the app get SIGTERM, and SIGKILL a second later if they stay."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    assert Signal(1, SIGTERM, group=True) in play.do(Exited(1, KILLED))
    play.ready(2)
    for moment in (0.1, 0.3, 0.6):
        assert play.fleet.deadline == pytest.approx(1000.0 + moment)
        assert play.wake() == [Signal(1, 0, group=True)]
    assert play.wake() == [Signal(1, SIGKILL, group=True)]
    assert play.do(GroupGone(1)) == []
    assert play.fleet.deadline is None


def test_a_group_is_left_alone_once_it_is_empty() -> None:
    """Its number may be another's by then."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.exits(1, KILLED)
    play.ready(2)
    assert play.fleet.deadline is None
    with pytest.raises(IllegalEvent, match="left no group"):
        play.do(GroupGone(1))


def test_a_debugging_worker_may_be_reported_again_after_it_left() -> None:
    """Late news of a debugger is ignored like any other."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.exits(1, KILLED)
    assert play.do(DebuggerState(True, 1)) == []
    with pytest.raises(IllegalEvent):
        play.do(BootDone(2, 7, ()))


@pytest.mark.parametrize("order", [StandDown(), Stop(60.0)], ids=["stand down", "stop"])
def test_a_manager_that_is_ordered_to_leave_meanwhile_does_not_spin(order: StandDown | Stop) -> None:
    """The report that slots stay empty is not made any more: its time must not keep a core busy."""
    play = FleetHarness(configure(slots=2))
    play.serve(1)
    play.reload(2, base=1)
    play.ready(3)
    play.ready(4)
    play.reload(3, base=2)
    play.ready(5)
    play.do(order)
    play.after(2.0)
    assert play.fleet.deadline is not None
    assert play.fleet.deadline > play.now
