"""What the fleet does while somebody stands at a prompt in its Workers."""

from __future__ import annotations

from devserver.ipc.messages import DebuggerState, Retire
from devserver.manager.protocol import Fork, SendToMaster
from tests.fakes.fleet import FleetHarness, configure


def test_one_more_serves_while_the_last_free_worker_stands_still() -> None:
    """Others are served though the only Worker is stopped; the spare one leaves when that is let go."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    assert play.do(DebuggerState(True, 1, blocks=True)) == [Fork(2, 1, 1)]
    assert play.ready(2) == []
    assert play.do(DebuggerState(True, 1, blocks=False)) == []  # it steps
    assert play.do(DebuggerState(True, 1, blocks=True)) == []
    assert play.do(DebuggerState(False, 1)) == [SendToMaster(Retire(2))]
    assert play.exits(2) == []


def test_no_more_are_started_while_another_worker_is_free() -> None:
    """With two Workers the second one serves; only when both stand still a third comes, once."""
    play = FleetHarness(configure(slots=2))
    play.serve(1)
    assert play.do(DebuggerState(True, 1, blocks=True)) == []
    assert play.do(DebuggerState(True, 2, blocks=True)) == [Fork(3, 1, 1)]
    play.ready(3)
    assert play.do(DebuggerState(True, 3, blocks=True)) == [Fork(4, 1, 1)]
    play.ready(4)
    assert play.do(DebuggerState(False, 2)) == [SendToMaster(Retire(4))]
    play.exits(4)
    assert play.do(DebuggerState(False, 3)) == [SendToMaster(Retire(3))]


def test_a_prompt_in_a_thread_needs_no_spare_worker() -> None:
    """Where the event loop goes on the Worker serves on."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    assert play.do(DebuggerState(True, 1)) == []


def test_a_spare_worker_that_is_ready_too_late_leaves_at_once() -> None:
    """The debugger has let go while it was booting."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.do(DebuggerState(True, 1, blocks=True))
    assert play.do(DebuggerState(False, 1)) == []
    assert play.ready(2) == [SendToMaster(Retire(2))]


def test_a_spare_worker_stays_where_the_debugged_one_has_died() -> None:
    """A Worker that is killed at a breakpoint has a successor already."""
    play = FleetHarness(configure(slots=1))
    play.serve(1)
    play.do(DebuggerState(True, 1, blocks=True))
    play.ready(2)
    assert play.exits(1, 9) == []
    assert play.do(DebuggerState(True, 2, blocks=True)) == [Fork(3, 1, 1)]
