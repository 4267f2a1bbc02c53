"""A Manager that hangs is found out within seconds, and one of which nothing is expected is left alone."""

from __future__ import annotations

from devserver.master.supervision.heartbeat import FIRST_PATIENCE, PATIENCE, PAUSE, Heartbeat


def asked() -> Heartbeat:
    """Return the pulse of one that has spoken, and is asked."""
    pulse = Heartbeat()
    pulse.on_message()
    assert pulse.expect()
    return pulse


def test_one_that_does_not_answer_hangs_after_a_few_seconds() -> None:
    """It is asked once only, however many orders follow."""
    pulse = asked()
    for _ in range(PATIENCE - 1):
        assert not pulse.tick(True)
        assert not pulse.expect()
        assert pulse.awake
    pulse.tick(True)
    assert pulse.hung
    assert not pulse.awake


def test_one_whose_interpreter_starts_has_more_time() -> None:
    """A disk may be slow."""
    pulse = Heartbeat()
    pulse.expect()
    for _ in range(FIRST_PATIENCE - 1):
        pulse.tick(True)
    assert not pulse.hung
    pulse.tick(True)
    assert pulse.hung


def test_it_is_asked_again_while_something_is_due() -> None:
    """A boot that takes long is not its fault, but it must be there to end it."""
    pulse = asked()
    pulse.on_answered()
    assert [pulse.tick(True) for _ in range(PAUSE)] == [False] * (PAUSE - 1) + [True]
    pulse.on_answered()
    assert [pulse.tick(False) for _ in range(PAUSE)] == [False] * PAUSE
    assert not pulse.awake


def test_an_order_asks_at_once() -> None:
    """Also in the pause after an answer."""
    pulse = asked()
    pulse.on_answered()
    assert pulse.expect()
