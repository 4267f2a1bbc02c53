"""An app that writes its own source at every start."""

from __future__ import annotations

from devserver.master.runaway import MOST, WINDOW, Runaway


def test_a_file_that_each_of_its_own_reloads_writes_is_muted() -> None:
    """After a few rounds it is said once."""
    guard = Runaway()
    rounds = [guard.noticed(["gen.py"], ["gen.py"], now=number * 0.1) for number in range(MOST + 3)]
    assert [found for found in rounds if found] == [("gen.py",)]
    assert guard.muted == {"gen.py"}


def test_an_author_who_saves_often_is_not_stopped() -> None:
    """Saves between the boots, of other files, or at a human pace are no runaway."""
    guard = Runaway()
    for number in range(100):
        guard.noticed(["a.py"], [], now=number * 0.1)
        guard.noticed(["a.py"], ["b.py"], now=number * 0.1)
        guard.noticed(["c.py"], ["c.py"], now=number * WINDOW / (MOST - 2))
    assert guard.muted == set()


def test_what_was_muted_is_tried_once_more_when_nothing_boots() -> None:
    """Somebody who is merely quick gets the last save live; an app that writes again does not."""
    guard = Runaway()
    for number in range(MOST):
        guard.noticed(["gen.py"], ["gen.py"], now=number * 0.1)
    assert not guard.due(booting=True)
    assert guard.due(booting=False)
    guard.noticed(["gen.py"], ["gen.py"], now=2.0)
    assert not guard.due(booting=False)
    guard.noticed(["gen.py"], ["gen.py"], now=3.0)
    assert guard.due(booting=False)
