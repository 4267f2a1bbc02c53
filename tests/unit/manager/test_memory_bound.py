"""Memory is bounded by starting fewer Workers, and that is reported once."""

from __future__ import annotations

from devserver.manager.memory_bound import MOST_LEAVING, NOTE_AFTER, MemoryBound


def test_slots_are_filled_beside_as_many_leaving_workers_as_a_reload_needs() -> None:
    """Three, or as many as there are slots; and the first Worker of new code is never held back."""
    crowd = MemoryBound()
    for leaving, serving, slots, held_back in (
        (MOST_LEAVING, 1, 2, False),
        (MOST_LEAVING + 1, 1, 2, True),
        (MOST_LEAVING + 1, 0, 2, False),
        (MOST_LEAVING + 1, 1, 1, False),
        (8, 1, 8, False),
        (9, 1, 8, True),
    ):
        crowd.leaving = leaving
        assert crowd.holds_back(serving, slots) == held_back


def test_it_is_reported_after_a_while_and_once() -> None:
    """Most Workers leave sooner than that."""
    crowd = MemoryBound()
    crowd.leaving = 5
    assert crowd.note(True, 7, 2, 0.0) == ""
    assert crowd.deadlines == [NOTE_AFTER]
    assert crowd.note(True, 7, 2, NOTE_AFTER / 2) == ""
    assert "5 workers" in crowd.note(True, 7, 2, NOTE_AFTER)
    assert crowd.note(True, 7, 2, 100.0) == ""
    assert crowd.deadlines == []


def test_a_crowd_that_has_left_by_then_is_not_reported() -> None:
    """Nor does it keep anybody awake; the next one is."""
    crowd = MemoryBound()
    crowd.leaving = 5
    crowd.note(True, 7, 2, 0.0)
    assert crowd.note(False, 7, 2, NOTE_AFTER) == ""
    assert crowd.deadlines == []
    crowd.note(True, 7, 2, 10.0)
    assert crowd.note(True, 7, 2, 10.0 + NOTE_AFTER) != ""
