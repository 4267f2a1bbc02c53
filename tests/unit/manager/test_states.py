"""The table of a Worker's states, and the clock of one."""

from __future__ import annotations

import itertools

import pytest

from devserver.common.errors import IllegalEvent
from devserver.manager.states import TRANSITIONS, Child, Plan, State, Step

STATES: tuple[State, ...] = ("booting", "serving", "retiring", "ending", "gone")
STEPS: tuple[Step, ...] = ("ready", "retire", "end", "exit")


def child(state: State = "booting", **plan: float) -> Child:
    return Child(1, 1, 1, Plan([(at, "limit") for at in plan.values()]), state=state)


@pytest.mark.parametrize(("state", "step"), [*itertools.product(STATES, STEPS)])
def test_every_step_is_in_the_table_or_raises_and_changes_nothing(state: State, step: Step) -> None:
    """A report that cannot be true never bends what the Manager knows."""
    subject = child(state)
    if (state, step) in TRANSITIONS:
        subject.step(step)
        assert subject.state == TRANSITIONS[state, step]
    else:
        with pytest.raises(IllegalEvent, match=step):
            subject.step(step)
        assert subject.state == state


def test_nobody_comes_back() -> None:
    """A Worker that retires, is being ended or has gone never serves again."""
    order = {state: rank for rank, state in enumerate(STATES)}
    assert all(order[after] >= order[before] for (before, _), after in TRANSITIONS.items())
    assert not any(before == "gone" for before, _ in TRANSITIONS)


def test_whatever_lives_can_exit() -> None:
    """Death is never out of order."""
    assert all(TRANSITIONS[state, "exit"] == "gone" for state in STATES if state != "gone")


def test_the_clock_stands_still_in_a_debugger() -> None:
    """Time at a breakpoint counts towards no limit, however often one stops there."""
    subject = child(timeout=10.0)
    subject.pause(4.0)
    subject.pause(5.0)
    assert subject.deadline is None
    assert list(subject.due(1000.0)) == []
    subject.resume(104.0)
    assert subject.deadline == 110.0
    subject.resume(105.0)
    assert list(subject.due(109.9)) == []
    assert list(subject.due(110.0)) == ["limit"]


def test_a_step_may_replace_the_plan_that_it_stood_in() -> None:
    """Whatever was planned for a boot is off once its limit has been reached."""
    subject = child(first=1.0, second=2.0)
    done = []
    for act in subject.due(5.0):
        done.append(act)
        subject.plan = Plan([(5.0, "kill"), (6.0, "probe")])
        break
    done += list(subject.due(5.0))
    assert done == ["limit", "kill"]
