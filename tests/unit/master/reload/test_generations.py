"""Which code runs: scripts of events and the commands they lead to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.master.reload.commands import Boot, Drop, GoExclusive, Refuse, Restore, Warn
from devserver.master.reload.generations import Generations
from tests.fakes.generations import CRASH, PORT, TYPO, edit, file, live, ready, running


def test_a_good_edit_is_booted_and_goes_live() -> None:
    """A saved file is tried, and units stamped with the edit wait until it is live."""
    book = running(a="1")
    assert edit(book, 1, file("a", "2")) == [Boot(2, 1, (file("a", "2"),), "overlap", 1)]
    assert not book.is_settled(1)
    assert book.is_settled(0)
    assert ready(book, 2) == [live(2, 1, ("a",))]
    assert book.is_settled(1)
    assert book.snapshot == {"a": file("a", "2")}


def test_an_unchanged_file_settles_its_edit_at_once() -> None:
    """A touch reloads nothing and holds no request."""
    book = running(a="1")
    assert edit(book, 1, file("a", "1")) == []
    assert book.is_settled(1)


def test_a_file_that_does_not_compile_is_refused_and_never_booted() -> None:
    """The old code goes on, and what waited for the edit starts on it."""
    book = running(a="1")
    assert edit(book, 1, file("a", "("), a=TYPO) == [Refuse(1, 0, (TYPO,))]
    assert book.is_settled(1)
    assert book.live == 1
    assert book.needs_fix


def test_a_broken_file_refuses_later_edits_of_others_too() -> None:
    """Every broken file is named until each is mended."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "("), a=TYPO)
    assert edit(book, 2, file("b", "2")) == [Refuse(2, 0, (TYPO,))]
    changes = (file("a", "3"), file("b", "2"))
    assert edit(book, 3, file("a", "3")) == [Boot(2, 1, changes, "overlap", 3)]


def test_a_broken_file_elsewhere_does_not_keep_the_cure_from_going_live() -> None:
    """While a refusal stands every file may be the cure; a half-written test is none, and blocks nothing."""
    book = running(**{"app/a": "1"})
    edit(book, 1, file("app/a", "("), **{"app/a": TYPO})
    assert edit(book, 2, file("tests/t", "("), **{"tests/t": TYPO}) == []
    [boot] = edit(book, 3, file("app/a", "3"))
    assert isinstance(boot, Boot)
    assert ready(book, boot.generation) == [live(2, 3, ("app/a",)), Warn(TYPO)]


def test_taking_a_typo_back_restores_without_a_reload() -> None:
    """The disk holds what runs: nothing to boot, and the refusal is void."""
    book = running(a="1")
    edit(book, 1, file("a", "("), a=TYPO)
    assert edit(book, 2, file("a", "1")) == [Restore(2)]
    assert not book.needs_fix


def test_a_failed_boot_is_refused_and_its_edit_settled() -> None:
    """An import error keeps the old code, which answers those who waited."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    assert book.on_boot_failed(2, CRASH) == [Refuse(1, 2, (CRASH,))]
    assert book.is_settled(1)
    assert book.snapshot == {"a": file("a", "1")}


def test_the_next_edit_after_a_failed_boot_carries_all_that_differs() -> None:
    """Mending another file boots both changes together."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"))
    book.on_boot_failed(2, CRASH)
    changes = (file("a", "2"), file("b", "2"))
    assert edit(book, 2, file("b", "2")) == [Boot(3, 1, changes, "overlap", 2)]


def test_a_candidate_that_boots_is_not_dropped_by_a_newer_save() -> None:
    """An app slower than its author's saves still gets newer code."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    assert edit(book, 2, file("a", "3")) == [Boot(3, 1, (file("a", "3"),), "overlap", 2)]
    assert ready(book, 2) == [live(2, 1, ("a",))]
    assert book.is_settled(1)
    assert not book.is_settled(2)


def test_a_third_edit_drops_the_younger_candidate_and_takes_over_its_stamps() -> None:
    """At most two boot at a time; requests that waited for the dropped one wait for its successor."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("a", "3"))
    assert edit(book, 3, file("a", "4")) == [Drop(3), Boot(4, 1, (file("a", "4"),), "overlap", 3)]
    assert not book.is_settled(2)
    ready(book, 4)
    assert book.is_settled(2)
    assert book.is_settled(3)


def test_a_generation_that_goes_live_drops_the_elder_candidates() -> None:
    """Never back: what is older than live is not needed any more."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("a", "3"))
    assert ready(book, 3) == [live(3, 2, ("a",)), Drop(2)]
    assert ready(book, 2) == []
    assert book.live == 3


def test_an_edit_back_to_the_old_text_while_it_boots_ends_on_the_old_text() -> None:
    """What is compared is what will run, not what runs now."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    assert edit(book, 2, file("a", "1")) == [Boot(3, 1, (), "overlap", 2)]
    ready(book, 2)
    ready(book, 3)
    assert book.snapshot == {"a": file("a", "1")}


def test_a_touch_while_it_boots_waits_for_that_boot() -> None:
    """An edit that changes nothing is settled by the candidate that already has its content."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    assert edit(book, 2, file("a", "2")) == []
    assert not book.is_settled(2)
    ready(book, 2)
    assert book.is_settled(2)


def test_a_deleted_file_leaves_the_snapshot() -> None:
    """The new generation must not find what is gone."""
    book = running(a="1", b="1")
    assert edit(book, 1, file("b", "")) == [Boot(2, 1, (file("b", ""),), "overlap", 1)]
    ready(book, 2)
    assert book.snapshot == {"a": file("a", "1")}


def test_a_lazily_read_module_joins_the_live_snapshot_and_the_candidates() -> None:
    """What a Worker reads once is what later Workers run, whatever is on the disk by then."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    assert book.on_file_loaded(1, file("lazy", "x"))
    ready(book, 2)
    assert book.snapshot["lazy"] == file("lazy", "x")
    assert not book.on_file_loaded(1, file("other", "y"))


def test_a_reload_without_a_change_boots_the_same_code() -> None:
    """SIGUSR1 replaces the Workers though no file has changed; an edit being looked at stays open."""
    book = running(a="1")
    book.on_edit_noticed(1)
    assert book.on_reload_requested() == [Boot(2, 1, (), "overlap", 0)]
    ready(book, 2)
    assert not book.is_settled(1)


def test_overlapping_requests_for_a_reload_all_end_in_the_newest() -> None:
    """None is lost, none piles up."""
    book = running(a="1")
    book.on_reload_requested()
    book.on_reload_requested()
    assert book.on_reload_requested() == [Drop(3), Boot(4, 1, (), "overlap", 0)]


def test_a_start_up_that_fails_beside_the_old_worker_is_tried_alone_once() -> None:
    """An app that owns a port gets it once the old Worker has left, and from then on every time."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    again = Boot(3, 1, (file("a", "2"),), "exclusive", 1)
    assert book.on_boot_failed(2, PORT, held=True) == [GoExclusive(3, PORT), again]
    assert not book.is_settled(1)
    ready(book, 3)
    assert edit(book, 2, file("a", "3")) == [Boot(4, 3, (file("a", "3"),), "exclusive", 2)]


def test_a_start_up_that_fails_alone_too_is_refused() -> None:
    """The second failure is the app's own; overlap stays the way to try."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    book.on_boot_failed(2, PORT, held=True)
    assert book.on_boot_failed(3, PORT) == [Refuse(1, 3, (PORT,))]
    assert edit(book, 2, file("a", "3")) == [Boot(4, 1, (file("a", "3"),), "overlap", 2)]


def test_a_first_start_that_fails_waits_for_any_cure() -> None:
    """Nothing runs, so the next edit of any file is worth a try."""
    book = Generations()
    book.start()
    assert book.on_boot_failed(1, CRASH) == [Refuse(0, 1, (CRASH,))]
    assert book.needs_fix
    assert edit(book, 1, file("a", "1")) == [Boot(2, 0, (file("a", "1"),), "overlap", 1)]


def test_work_that_waited_for_a_superseded_candidate_waits_for_the_younger_one() -> None:
    """The Manager dropped it for a newer one: no refusal, and no request is let through to old code."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("a", "3"))
    assert book.on_candidate_dropped(2) == []
    assert not book.is_settled(1)
    ready(book, 3)
    assert book.is_settled(1)


def test_a_new_manager_gets_the_candidates() -> None:
    """A Manager's death loses no reload that was under way."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    assert book.replay() == [Boot(2, 1, (file("a", "2"),), "overlap", 1)]


def test_edits_are_numbered_upwards() -> None:
    """An edit number that was used is an error of ours."""
    book = running(a="1")
    book.on_edit_noticed(1)
    with pytest.raises(AssertionError, match="upwards"):
        book.on_edit_noticed(1)


STEPS = st.lists(
    st.sampled_from(["save", "break", "mend", "ready", "ready young", "fail", "ask"]), max_size=60
)


@given(STEPS)
def test_live_only_grows_and_every_edit_is_settled_in_the_end(steps: list[str]) -> None:
    """Whatever happens in whatever order: never back, never two candidates too many, no save lost."""
    book = running(a="0")
    number, text = 0, 0
    for step in steps:
        live = book.live
        if step in ("save", "break", "mend"):
            number, text = number + 1, text + 1
            failures = {"a": TYPO} if step == "break" else {}
            edit(book, number, file("a", f"text {text}"), **failures)
        elif step == "ask":
            book.on_reload_requested()
        elif book.candidates:
            chosen = book.candidates[-1 if step == "ready young" else 0].number
            if step == "fail":
                book.on_boot_failed(chosen, CRASH)
            else:
                ready(book, chosen)
        assert book.live >= live
        assert len(book.candidates) <= 2
        assert all(candidate.number > book.live for candidate in book.candidates)
    while book.candidates:
        ready(book, book.candidates[0].number)
    assert not book.pending
    if not book.disk.broken and text:
        assert book.snapshot["a"] == file("a", f"text {text}") or book.refusal
