"""An app that writes its own source at every start."""

from __future__ import annotations

from devserver.master.reload.self_writing import MOST, PAUSES, WINDOW, SelfWriteGuard


def test_a_file_that_each_of_its_own_reloads_writes_is_muted() -> None:
    """After a few rounds it is reported once."""
    guard = SelfWriteGuard()
    rounds = [guard.noticed(["gen.py"], ["gen.py"], now=number * 0.1) for number in range(MOST + 3)]
    assert [found for found in rounds if found] == [("gen.py",)]
    assert guard.muted == {"gen.py"}


def test_an_author_who_saves_often_is_not_stopped() -> None:
    """Saves between the boots, of other files, or at a human pace are no runaway."""
    guard = SelfWriteGuard()
    for number in range(100):
        guard.noticed(["a.py"], [], now=number * 0.1)
        guard.noticed(["a.py"], ["b.py"], now=number * 0.1)
        guard.noticed(["c.py"], ["c.py"], now=number * WINDOW / (MOST - 2))
    assert guard.muted == set()


def test_what_was_muted_is_tried_when_nothing_boots_any_more() -> None:
    """A user who is merely quick gets the last save live."""
    guard = SelfWriteGuard()
    for number in range(MOST):
        guard.noticed(["gen.py"], ["gen.py"], now=number * 0.1)
    assert guard.due(booting=True) is None
    assert guard.due(booting=False) == 0.0
    assert guard.due(booting=False) is None


def test_an_app_that_writes_in_each_try_is_tried_a_few_times_with_longer_pauses() -> None:
    """It does not reload for ever; a later save starts the count again."""
    guard = SelfWriteGuard()
    for number in range(MOST):
        guard.noticed(["gen.py"], ["gen.py"], now=number * 0.1)
    pauses = []
    for number in range(10):
        pauses.append(guard.due(booting=False))
        guard.noticed(["gen.py"], ["gen.py"], now=2.0 + number)
    assert pauses == [*PAUSES, *[None] * 5]
    guard.noticed(["gen.py"], [], now=20.0)
    assert guard.due(booting=False) == 0.0
