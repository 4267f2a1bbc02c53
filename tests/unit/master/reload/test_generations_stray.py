"""A broken file that nothing imports blocks nothing; imported, it is refused. Scripts of both."""

from __future__ import annotations

from devserver.common.failure import Failure
from devserver.master.reload.commands import Boot, Cancel, Refuse, Restore, Warn
from devserver.master.reload.generations import Generations
from tests.fakes.generations import CRASH, TYPO, edit, file, live, ready, running

ODD = Failure(phase="check", type="SyntaxError", message="unexpected indent")


def with_stray() -> Generations:
    """Return a book in which `stray` was read beside what runs, and is broken now."""
    book = running(a="1")
    book.on_file_loaded(1, file("stray", "1"))
    assert edit(book, 1, file("stray", "("), stray=TYPO) == [Warn(TYPO)]
    return book


def test_a_broken_file_that_nothing_imports_is_warned_of_once_for_each_content() -> None:
    """Its edit is settled at once, and nothing is refused."""
    book = with_stray()
    assert book.is_settled(1)
    assert not book.needs_fix
    assert edit(book, 2, file("stray", "("), stray=TYPO) == []
    assert edit(book, 3, file("stray", "  x"), stray=ODD) == [Warn(ODD)]
    assert edit(book, 4, file("half", "("), half=TYPO) == [Warn(TYPO)]


def test_a_broken_file_that_nothing_imports_blocks_no_other_save_and_no_reload_that_is_asked_for() -> None:
    """A late import of it gets the text that was good."""
    book = with_stray()
    assert edit(book, 2, file("a", "2")) == [Boot(2, 1, (file("a", "2"),), "overlap", 2)]
    assert ready(book, 2) == [live(2, 2, ("a",))]
    assert book.snapshot["stray"] == file("stray", "1")
    assert book.on_reload_requested() == [Boot(3, 2, (), "overlap", 2)]


def test_a_new_broken_file_is_left_out_and_is_read_by_the_first_that_imports_it() -> None:
    """Its import fails, and says where."""
    book = running(a="1")
    edit(book, 1, file("half", "("), half=TYPO)
    assert edit(book, 2, file("a", "2")) == [Boot(2, 1, (file("a", "2"),), "overlap", 2)]
    book.on_file_loaded(2, file("half", "("))
    assert book.on_files_used(2, ["half"]) == []
    assert book.on_boot_failed(2, CRASH) == [Refuse(2, 2, (CRASH,))]


def test_a_candidate_that_imports_a_file_that_was_broken_before_is_refused() -> None:
    """It has the good text, which is not on the disk any more: it is ended before it can go live."""
    book = with_stray()
    edit(book, 2, file("a", "2"))
    assert book.on_files_used(2, ["a"]) == []
    assert book.on_files_used(2, ["stray"]) == [Cancel(2), Refuse(2, 2, (TYPO,))]
    assert book.is_settled(2)
    assert ready(book, 2) == []
    assert book.on_boot_failed(2, CRASH) == []
    changes = (file("a", "2"), file("stray", "2"))
    assert edit(book, 3, file("stray", "2")) == [Boot(3, 1, changes, "overlap", 3)]


def test_code_that_was_refused_for_a_broken_file_is_tried_when_that_is_as_it_was() -> None:
    """It had the good text all the time, but was never run; a touch of another file does not try it."""
    book = with_stray()
    edit(book, 2, file("a", "2"))
    book.on_files_used(2, ["a", "stray"])
    assert edit(book, 3, file("other", "")) == []
    assert edit(book, 4, file("stray", "1")) == [Boot(3, 1, (file("a", "2"),), "overlap", 4)]


def test_a_file_that_breaks_while_a_candidate_that_imports_it_boots_is_refused_after_that_is_live() -> None:
    """The candidate is as the disk was; what is on the disk now cannot run."""
    book = running(a="1")
    edit(book, 1, file("a", "2"), file("stray", "1"))
    edit(book, 2, file("stray", "("), stray=TYPO)
    assert book.on_files_used(2, ["a", "stray"]) == []
    assert ready(book, 2) == [live(2, 2, ("a", "stray")), Refuse(2, 0, (TYPO,))]
    assert book.is_settled(2)


def test_a_late_import_of_a_file_that_is_broken_by_then_is_refused_then() -> None:
    """The live code goes on with the good text, and the last word is that the disk holds another."""
    book = with_stray()
    assert book.on_files_used(1, ["stray"]) == [Refuse(1, 0, (TYPO,))]
    assert book.on_reload_requested() == [Refuse(1, 0, (TYPO,))]
    assert edit(book, 2, file("stray", "1")) == [Restore(2)]


def test_a_broken_file_that_only_refused_code_imports_is_tried_each_time_it_is_saved() -> None:
    """It may be broken in another place now."""
    book = running(a="1")
    edit(book, 1, file("half", "("), half=TYPO)
    edit(book, 2, file("a", "2"))
    book.on_file_loaded(2, file("half", "("))
    book.on_files_used(2, ["a", "half"])
    book.on_boot_failed(2, CRASH)
    assert [type(command) for command in edit(book, 3, file("half", "  x"), half=ODD)] == [Boot]


def test_a_refusal_is_void_when_its_import_of_a_broken_file_is_undone() -> None:
    """Nothing imports that any more."""
    book = running(a="1")
    edit(book, 1, file("half", "("), half=TYPO)
    edit(book, 2, file("a", "2"))
    book.on_file_loaded(2, file("half", "("))
    book.on_files_used(2, ["a", "half"])
    book.on_boot_failed(2, CRASH)
    assert edit(book, 3, file("a", "1")) == [Restore(3)]
    assert edit(book, 4, file("half", "("), half=TYPO) == []


def test_a_broken_file_whose_import_the_new_code_has_dropped_blocks_nothing() -> None:
    """It was imported at the start of the code before; what that imported late still counts."""
    book = running(a="1", b="1")
    book.on_files_used(1, ["late"])
    edit(book, 1, file("a", "2"))
    book.on_files_used(2, ["a"])
    ready(book, 2)
    assert edit(book, 2, file("b", "("), b=TYPO) == [Warn(TYPO)]
    assert edit(book, 3, file("late", "("), late=ODD) == [Refuse(3, 0, (ODD,))]


def test_a_broken_file_that_runs_as_it_is_blocks_nothing() -> None:
    """The app has caught its SyntaxError: what runs is what is on the disk."""
    book = running(a="1")
    edit(book, 1, file("half", "("), half=TYPO)
    edit(book, 2, file("a", "2"))
    book.on_file_loaded(2, file("half", "("))
    book.on_files_used(2, ["a", "half"])
    assert ready(book, 2) == [live(2, 2, ("a",))]
    assert edit(book, 3, file("a", "3")) == [Boot(3, 2, (file("a", "3"),), "overlap", 3)]


def test_a_first_start_that_fails_is_tried_again_when_its_broken_file_is_saved_still_broken() -> None:
    """Nothing runs: it is booted, and its import reports where it is broken now."""
    book = Generations()
    book.start()
    book.on_file_loaded(1, file("a", "("))
    book.on_files_used(1, ["a"])
    book.on_boot_failed(1, CRASH)
    assert edit(book, 1, file("t", "("), t=TYPO) == []
    assert edit(book, 2, file("a", "  x"), a=ODD) == [Boot(2, 0, (), "overlap", 2)]
