"""When a Manager is asked whether it still answers, and when it is given up: commands on values."""

from __future__ import annotations

from devserver.ipc.messages import Ping
from devserver.master.supervision.commands import EndManager, Later, SendTo
from devserver.master.supervision.facts import HeartbeatDue
from devserver.master.supervision.heartbeat import FIRST_PATIENCE, PATIENCE, TICK
from devserver.master.supervision.heartbeats import HUNG, Heartbeats

ASK = SendTo(1, Ping())
TICKS = Later(TICK, HeartbeatDue(1))


def watched(*, spoken: bool = True) -> Heartbeats:
    """Return those of Manager 1, which is watched and was asked."""
    heartbeats = Heartbeats()
    if spoken:
        heartbeats.on_message(1, answers=False)
    assert heartbeats.watch(1) == [ASK, TICKS]
    return heartbeats


def test_a_manager_that_is_not_watched_is_never_asked() -> None:
    """A standby that preloads has a limit of its own."""
    heartbeats = Heartbeats()
    heartbeats.on_message(1, answers=False)
    assert heartbeats.expect(1) == []
    assert heartbeats.on_tick(1, due=True) == []


def test_one_that_does_not_answer_is_given_up() -> None:
    """It is asked once, and one timer runs, however much it is sent."""
    heartbeats = watched()
    for _ in range(PATIENCE - 1):
        assert heartbeats.expect(1) == []
        assert heartbeats.on_tick(1, due=True) == [TICKS]
    assert heartbeats.on_tick(1, due=True) == [EndManager(1, HUNG)]


def test_one_that_has_not_spoken_yet_has_more_time() -> None:
    """Its interpreter starts; one that has preloaded runs already when it is first asked."""
    heartbeats = watched(spoken=False)
    for _ in range(FIRST_PATIENCE - 1):
        assert heartbeats.on_tick(1, due=True) == [TICKS]
    assert heartbeats.on_tick(1, due=True) == [EndManager(1, HUNG)]


def test_an_idle_server_runs_no_timer() -> None:
    """Once it has answered and nothing is due, it is left alone until something is sent."""
    heartbeats = watched()
    heartbeats.on_message(1, answers=True)
    assert heartbeats.on_tick(1, due=False) == [TICKS]
    assert heartbeats.on_tick(1, due=False) == []
    assert heartbeats.expect(1) == [ASK, TICKS]


def test_one_that_exits_is_asked_no_more() -> None:
    """Its exit is on the way; a tick that is late changes nothing."""
    heartbeats = watched()
    heartbeats.on_lost(1)
    assert heartbeats.on_tick(1, due=True) == []
    assert heartbeats.expect(1) == []
