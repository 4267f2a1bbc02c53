"""One save is one edit, whatever sequence of events the editor makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.watch.notice.debounce import Debouncer, Kind

OPEN, DONE, GONE = Kind.OPEN, Kind.DONE, Kind.GONE
SETTLE, MODIFIED, CAP = 0.005, 0.05, 0.3


@pytest.fixture
def debouncer() -> Debouncer:
    return Debouncer(SETTLE, MODIFIED, CAP)


def test_first_event_begins_an_edit(debouncer: Debouncer) -> None:
    """The first event of a save takes the next number; later ones join it."""
    assert debouncer.note("a.py", OPEN, 0.0)
    assert not debouncer.note("a.py", OPEN, 0.001)
    assert not debouncer.note("b.py", DONE, 0.002)
    assert debouncer.newest == 1


def test_a_closed_file_is_looked_at_soon(debouncer: Debouncer) -> None:
    """A save whose file was closed is read 5 ms later, not 50."""
    debouncer.note("a.py", OPEN, 0.0)
    debouncer.note("a.py", DONE, 0.001)
    assert debouncer.deadline() == pytest.approx(0.006)
    assert debouncer.due(0.0059) == []
    assert [batch.edit for batch in debouncer.due(0.006)] == [1]
    assert debouncer.deadline() is None


def test_a_file_that_is_being_written_gets_time(debouncer: Debouncer) -> None:
    """A writer that has not closed its file is waited for."""
    debouncer.note("a.py", OPEN, 0.0)
    debouncer.note("b.py", DONE, 0.01)
    assert debouncer.deadline() == pytest.approx(0.05)


def test_never_later_than_the_cap(debouncer: Debouncer) -> None:
    """Endless writing does not hold an edit for ever."""
    now = 0.0
    while now < 0.29:
        debouncer.note("a.py", OPEN, now)
        now += 0.01
    assert debouncer.deadline() == pytest.approx(CAP)


def test_an_event_while_the_edit_is_read_joins_it(debouncer: Debouncer) -> None:
    """A save that goes on while it is read is still one edit; what was read is not believed."""
    debouncer.note("a.py", DONE, 0.0)
    debouncer.due(0.01)
    assert not debouncer.note("a.py", DONE, 0.011)
    assert not debouncer.accept(1, [], 0.012)
    assert debouncer.deadline() == pytest.approx(0.016)
    assert debouncer.is_unread("a.py")
    debouncer.due(0.016)
    assert debouncer.accept(1, [], 0.017)
    assert not debouncer.is_unread("a.py")


def test_an_event_after_the_reading_is_the_next_edit(debouncer: Debouncer) -> None:
    """A save that comes when the last one was read, or was read too long, gets a number of its own."""
    debouncer.note("a.py", DONE, 0.0)
    debouncer.due(0.01)
    assert debouncer.note("a.py", DONE, CAP)
    assert debouncer.accept(1, [], CAP)
    assert debouncer.is_unread("a.py")
    assert [batch.edit for batch in debouncer.due(1.0)] == [2]
    assert debouncer.accept(2, [], 1.0)
    assert debouncer.note("a.py", DONE, 1.0)
    assert debouncer.newest == 3


def test_an_empty_file_is_looked_at_again(debouncer: Debouncer) -> None:
    """A truncated file is believed only when it is still empty 50 ms later."""
    debouncer.note("a.py", DONE, 0.0)
    debouncer.due(0.005)
    assert not debouncer.accept(1, ["a.py"], 0.006)
    assert debouncer.due(0.05) == []
    assert [batch.edit for batch in debouncer.due(0.056)] == [1]
    assert debouncer.accept(1, ["a.py"], 0.057)


def test_what_comes_while_in_doubt_joins_the_edit(debouncer: Debouncer) -> None:
    """Moving the old file away and writing the new one is one edit, even with a pause between."""
    debouncer.note("a.py", GONE, 0.0)
    debouncer.due(0.005)
    assert not debouncer.accept(1, ["a.py"], 0.006)
    assert not debouncer.note("a.py", OPEN, 0.02)
    assert not debouncer.note("a.py", DONE, 0.021)
    assert debouncer.deadline() == pytest.approx(0.026)
    assert debouncer.newest == 1


def test_a_file_that_is_held_open_and_empty_is_doubted_to_the_cap(debouncer: Debouncer) -> None:
    """An editor that truncates and is slow to write does not get its empty file run."""
    debouncer.note("a.py", OPEN, 0.0)
    looks = []
    while True:
        now = debouncer.deadline()
        assert now is not None
        assert debouncer.due(now)
        looks.append(now)
        if debouncer.accept(1, ["a.py"], now):
            break
    assert looks[-1] == pytest.approx(CAP)
    assert len(looks) == 6


def test_a_doubt_at_the_cap_still_gets_a_second_look(debouncer: Debouncer) -> None:
    """A file that vanishes at the very end of a long edit is looked at once more."""
    debouncer.note("b.py", OPEN, 0.0)
    debouncer.note("a.py", GONE, 0.299)
    debouncer.due(0.3)
    assert not debouncer.accept(1, ["a.py"], 0.3)
    assert debouncer.deadline() == pytest.approx(0.35)
    debouncer.due(0.35)
    assert debouncer.accept(1, ["a.py"], 0.35)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(list(Kind)), st.floats(0, 0.12), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_every_edit_is_read_in_time(events: list[tuple[str, Kind, float, bool]]) -> None:
    """Whatever happens, each event is in exactly one edit, which is read at the latest just past the cap."""
    debouncer = Debouncer(SETTLE, MODIFIED, CAP)
    now, begun, read = 0.0, {}, {}

    def pass_time(until: float, empty: bool) -> None:
        while (deadline := debouncer.deadline()) is not None and deadline <= until:
            for batch in debouncer.due(deadline):
                if debouncer.accept(batch.edit, list(batch.paths) if empty else [], deadline):
                    read[batch.edit] = deadline, set(batch.paths)

    touched: dict[int, set[str]] = {}
    for path, kind, pause, empty in events:
        now += pause
        pass_time(now, empty)
        if debouncer.note(path, kind, now):
            begun[debouncer.newest] = now
        touched.setdefault(debouncer.newest, set()).add(path)
    pass_time(now + 10, empty=True)
    assert list(begun) == list(range(1, debouncer.newest + 1))
    assert {edit: paths for edit, (_, paths) in read.items()} == touched
    assert all(read[edit][0] - begun[edit] <= CAP + MODIFIED + 1e-9 for edit in begun)
