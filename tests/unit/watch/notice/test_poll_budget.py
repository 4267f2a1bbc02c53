"""The look at the files where the system reports no changes costs no more than stated."""

from __future__ import annotations

from devserver.watch.notice.poll_budget import EVERY, MOST, PollBudget


def test_a_look_is_not_repeated_at_once() -> None:
    """Many requests in a moment cost one look."""
    poll_budget = PollBudget()
    poll_budget.files = ["a", "b"]
    assert poll_budget.due(1.0) == ["a", "b"]
    assert poll_budget.due(1.0 + EVERY / 2) == []
    assert poll_budget.due(1.0 + EVERY) == ["a", "b"]


def test_many_files_take_turns() -> None:
    """Each look takes so many files, and every file has its turn."""
    poll_budget = PollBudget()
    poll_budget.files = [str(n) for n in range(2 * MOST + 7)]
    looks = [poll_budget.due(float(n)) for n in range(3)]
    assert [len(look) for look in looks] == [MOST, MOST, 7]
    assert sorted(path for look in looks for path in look) == sorted(poll_budget.files)


def test_without_files() -> None:
    """Nothing runs, nothing is looked at."""
    assert PollBudget().due(1.0) == []
