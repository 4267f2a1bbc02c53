"""What runs is what is on the disk, or the last word is why not: scripts of saves, undos and slow boots."""

from __future__ import annotations

from devserver.failure import Failure
from devserver.master.decisions import Boot, GoExclusive, GoLive, Refuse, Restore
from devserver.master.generations import Generations
from tests.unit.master.book import CRASH, PORT, TYPO, edit, file, running

MISSING = Failure(phase="import", type="ModuleNotFoundError", message="no feature")


def test_a_save_that_was_refused_for_a_typo_elsewhere_is_tried_when_that_is_undone() -> None:
    """The typo is taken back to what runs, and the other file was good all the time."""
    book = running(a="1", b="1")
    edit(book, 1, file("b", "("), b=TYPO)
    assert edit(book, 2, file("a", "2")) == [Refuse(2, 0, (TYPO,))]
    assert edit(book, 3, file("b", "1")) == [Boot(2, 1, (file("a", "2"),), "overlap")]
    assert book.ready(2) == [GoLive(2, 3, ("a",))]
    assert not book.wanting


def test_a_save_that_failed_to_boot_for_another_file_is_tried_when_that_is_undone() -> None:
    """Both were saved at once, or one after the other."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"), file("b", "2"))
    book.failed(2, CRASH)
    assert edit(book, 2, file("b", "1")) == [Boot(3, 1, (file("a", "2"),), "overlap")]


def test_a_save_that_was_refused_while_another_boots_is_tried_when_the_typo_is_undone() -> None:
    """The candidate that boots has neither file."""
    book = running(a="1", b="1", c="1")
    edit(book, 1, file("c", "2"))
    edit(book, 2, file("b", "("), b=TYPO)
    edit(book, 3, file("a", "2"))
    [boot] = edit(book, 4, file("b", "1"))
    assert boot == Boot(3, 1, (file("a", "2"), file("c", "2")), "overlap")


def test_what_was_refused_is_not_tried_again_for_a_touch_of_another_file() -> None:
    """It would fail once more; saved itself it is tried, for what it lacked may be there now."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"))
    book.failed(2, CRASH)
    assert edit(book, 2, file("b", "1")) == []
    assert book.is_settled(2)
    assert edit(book, 3, file("a", "2")) == [Boot(3, 1, (file("a", "2"),), "overlap")]


def test_the_refusal_is_the_last_word_when_an_older_slow_save_goes_live_after_it() -> None:
    """Any file may still be the cure, the missing one in a folder that is not there yet, too."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("b", "2"))
    refuse = Refuse(2, 3, (MISSING,))
    assert book.failed(3, MISSING) == [refuse]
    assert book.ready(2) == [GoLive(2, 1, ("a",)), refuse]
    assert book.wanting
    changes = (file("b", "2"), file("feature", "1"))
    assert edit(book, 3, file("feature", "1")) == [Boot(4, 2, changes, "overlap")]


def test_a_typo_is_the_last_word_when_an_older_slow_save_goes_live_after_it() -> None:
    """The line with the typo is shown again, for the next event is what is looked at."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("b", "("), b=TYPO)
    book.used(2, ["a", "b"])
    assert book.ready(2) == [GoLive(2, 1, ("a",)), Refuse(2, 0, (TYPO,))]
    assert edit(book, 3, file("b", "1")) == [Restore(3)]


def test_the_newest_refusal_is_the_last_word_when_an_older_slow_save_fails_after_it() -> None:
    """Each is told; what is said last is about what is on the disk."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("a", "3"))
    newest = Refuse(2, 3, (MISSING,))
    assert book.failed(3, MISSING) == [newest]
    assert book.failed(2, CRASH) == [Refuse(1, 2, (CRASH,)), newest]


def test_the_newest_refusal_is_the_last_word_when_an_older_save_goes_live_exclusively_after_it() -> None:
    """The older one is tried once more with a number of its own; that makes its code no newer."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("b", "2"))
    newest = Refuse(2, 3, (MISSING,))
    assert book.failed(3, MISSING) == [newest]
    assert [type(command) for command in book.failed(2, PORT)] == [GoExclusive, Boot]
    assert book.ready(4) == [GoLive(4, 1, ("a",)), newest]


def test_an_undo_of_what_was_refused_while_an_older_save_boots_is_settled_by_that() -> None:
    """The disk holds what boots: nothing more is tried, and nobody waits for ever."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("b", "2"))
    book.failed(3, CRASH)
    assert edit(book, 3, file("b", "1")) == []
    assert not book.is_settled(3)
    assert book.ready(2) == [GoLive(2, 3, ("a",))]
    assert book.is_settled(3)
    assert not book.wanting


def test_a_file_that_hid_a_module_at_the_first_start_is_deleted() -> None:
    """Nothing runs, and what is gone was part of what could not start."""
    book = Generations()
    book.start()
    book.loaded(1, file("random", "mine"))
    book.failed(1, CRASH)
    assert edit(book, 1, file("other", "")) == []
    assert edit(book, 2, file("random", "")) == [Boot(2, 0, (), "overlap")]


def test_a_muted_file_boots_nothing_and_is_taken_along() -> None:
    """It is written by each start of the app."""
    book = running(a="1", gen="1")
    book.noticed(1)
    assert book.settled(1, [file("gen", "2")], {}, {"gen"}) == []
    assert edit(book, 2, file("a", "1")) == []
    changes = (file("a", "2"), file("gen", "2"))
    assert edit(book, 3, file("a", "2")) == [Boot(2, 1, changes, "overlap")]
