"""What is kept of a run is bounded, and what was dropped is known."""

from __future__ import annotations

from devserver.master.control.ring import Ring


def test_the_newest_are_kept_within_the_bounds() -> None:
    """Number and weight both bound it."""
    by_number: Ring[str] = Ring(most=2, heaviest=100)
    by_weight: Ring[str] = Ring(most=100, heaviest=10)
    for at, item in enumerate("abcd"):
        by_number.add(item, at, 1)
        by_weight.add(item, at, 4)
    assert list(by_number.since(0)) == ["c", "d"]
    assert list(by_weight.since(0)) == ["c", "d"]


def test_the_newest_is_kept_however_heavy() -> None:
    """A traceback of megabytes is what the user asks for."""
    ring: Ring[str] = Ring(most=10, heaviest=10)
    ring.add("light", 1, 1)
    ring.add("heavy", 2, 1000)
    assert list(ring.since(0)) == ["heavy"]


def test_what_is_missing_is_known_by_the_time_asked_for() -> None:
    """A reader who asks for the last second is not told of what was dropped an hour ago."""
    ring: Ring[str] = Ring(most=1, heaviest=10)
    ring.add("a", 1.0, 1)
    assert not ring.lacks(0)
    ring.add("b", 5.0, 1)
    assert (ring.lacks(0), ring.lacks(1.0), ring.lacks(2.0)) == (True, True, False)
    assert list(ring.since(2.0)) == ["b"]
