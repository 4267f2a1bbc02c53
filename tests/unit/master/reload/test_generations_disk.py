"""What runs is what is on the disk, or the last word is why not: scripts of saves, undos and slow boots."""

from __future__ import annotations

from devserver.common.failure import Failure
from devserver.master.reload.commands import Boot, Command, Drop, GoExclusive, Refuse, Restore
from devserver.master.reload.disk import own_python
from devserver.master.reload.generations import Generations
from tests.fakes.generations import CRASH, PORT, TYPO, edit, file, live, ready, running

MISSING = Failure(phase="import", type="ModuleNotFoundError", message="no feature")


def test_a_save_that_was_refused_for_a_typo_elsewhere_is_tried_when_that_is_undone() -> None:
    """The typo is taken back to what runs, and the other file was good all the time."""
    book = running(a="1", b="1")
    edit(book, 1, file("b", "("), b=TYPO)
    assert edit(book, 2, file("a", "2")) == [Refuse(2, 0, (TYPO,))]
    assert edit(book, 3, file("b", "1")) == [Boot(2, 1, (file("a", "2"),), "overlap", 3)]
    assert ready(book, 2) == [live(2, 3, ("a",))]
    assert not book.needs_fix


def test_a_save_that_failed_to_boot_for_another_file_is_tried_when_that_is_undone() -> None:
    """Both were saved at once, or one after the other."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"), file("b", "2"))
    book.on_boot_failed(2, CRASH)
    assert edit(book, 2, file("b", "1")) == [Boot(3, 1, (file("a", "2"),), "overlap", 2)]


def test_a_save_that_was_refused_while_another_boots_is_tried_when_the_typo_is_undone() -> None:
    """The candidate that boots has neither file."""
    book = running(a="1", b="1", c="1")
    edit(book, 1, file("c", "2"))
    edit(book, 2, file("b", "("), b=TYPO)
    edit(book, 3, file("a", "2"))
    [boot] = edit(book, 4, file("b", "1"))
    assert boot == Boot(3, 1, (file("a", "2"), file("c", "2")), "overlap", 4)


def test_what_was_refused_is_not_tried_again_for_a_touch_of_another_file() -> None:
    """It would fail once more; saved itself it is tried, for what it lacked may be there now."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"))
    book.on_boot_failed(2, CRASH)
    assert edit(book, 2, file("b", "1")) == []
    assert book.is_settled(2)
    assert edit(book, 3, file("a", "2")) == [Boot(3, 1, (file("a", "2"),), "overlap", 3)]


def test_the_refusal_is_the_last_word_when_an_older_slow_save_goes_live_after_it() -> None:
    """Any file may still be the cure, the missing one in a folder that is not there yet, too."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("b", "2"))
    refuse = Refuse(2, 3, (MISSING,))
    assert book.on_boot_failed(3, MISSING) == [refuse]
    assert ready(book, 2) == [live(2, 1, ("a",)), refuse]
    assert book.needs_fix
    changes = (file("b", "2"), file("feature", "1"))
    assert edit(book, 3, file("feature", "1")) == [Boot(4, 2, changes, "overlap", 3)]


def test_a_typo_is_the_last_word_when_an_older_slow_save_goes_live_after_it() -> None:
    """The line with the typo is shown again, for the next event is what is looked at."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("b", "("), b=TYPO)
    book.on_files_used(2, ["a", "b"])
    assert ready(book, 2) == [live(2, 1, ("a",)), Refuse(2, 0, (TYPO,))]
    assert edit(book, 3, file("b", "1")) == [Restore(3)]


def test_the_newest_refusal_is_the_last_word_when_an_older_slow_save_fails_after_it() -> None:
    """Each is reported; the last report is about what is on the disk."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("a", "3"))
    newest = Refuse(2, 3, (MISSING,))
    assert book.on_boot_failed(3, MISSING) == [newest]
    assert book.on_boot_failed(2, CRASH) == [Refuse(1, 2, (CRASH,)), newest]


def test_the_newest_refusal_is_the_last_word_when_an_older_save_goes_live_exclusively_after_it() -> None:
    """The older one is tried once more with a number of its own; that makes its code no newer."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("b", "2"))
    newest = Refuse(2, 3, (MISSING,))
    assert book.on_boot_failed(3, MISSING) == [newest]
    assert [type(command) for command in book.on_boot_failed(2, PORT)] == [GoExclusive, Boot]
    assert ready(book, 4) == [live(4, 1, ("a",)), newest]


def test_an_undo_of_what_was_refused_while_an_older_save_boots_is_settled_by_that() -> None:
    """The disk holds what boots: nothing more is tried, and no client waits for ever."""
    book = running(a="1", b="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("b", "2"))
    book.on_boot_failed(3, CRASH)
    assert edit(book, 3, file("b", "1")) == []
    assert not book.is_settled(3)
    assert ready(book, 2) == [live(2, 3, ("a",))]
    assert book.is_settled(3)
    assert not book.needs_fix


def test_a_file_that_hid_a_module_at_the_first_start_is_deleted() -> None:
    """Nothing runs, and what is gone was part of what could not start."""
    book = Generations()
    book.start()
    book.on_file_loaded(1, file("random", "mine"))
    book.on_boot_failed(1, CRASH)
    assert edit(book, 1, file("other", "")) == []
    assert edit(book, 2, file("random", "")) == [Boot(2, 0, (), "overlap", 2)]


def test_a_muted_file_boots_nothing_and_is_taken_along() -> None:
    """It is written by each start of the app."""
    book = running(a="1", gen="1")
    book.on_edit_noticed(1)
    assert book.on_edit_checked(1, [file("gen", "2")], {}, {"gen"}) == []
    assert edit(book, 2, file("a", "1")) == []
    changes = (file("a", "2"), file("gen", "2"))
    assert edit(book, 3, file("a", "2")) == [Boot(2, 1, changes, "overlap", 3)]


def types(commands: list[Command]) -> list[type]:
    return [type(command) for command in commands]


def live_without_new() -> Generations:
    """Return a book whose live code lacks `new`, and has looked for it; an edit of it is being looked at."""
    book = running(a="1")
    book.on_edit_noticed(1)
    return book


def test_a_new_file_is_reloaded_though_a_further_worker_of_the_live_code_has_found_it() -> None:
    """The Workers before it run without: they would differ until the next save."""
    book = live_without_new()
    assert not book.on_file_loaded(1, file("new", "1"), unsettled=True)
    book.on_files_used(1, ["new"])
    assert book.on_edit_checked(1, [file("new", "1")], {}) == [Boot(2, 1, (file("new", "1"),), "overlap", 1)]
    ready(book, 2)
    assert book.snapshot["new"] == file("new", "1")
    assert edit(book, 2, file("new", "1")) == []


def test_a_new_file_that_a_worker_has_found_and_that_is_gone_again_is_reloaded_away() -> None:
    """That Worker would run it until the next save."""
    book = live_without_new()
    book.on_file_loaded(1, file("new", "1"), unsettled=True)
    assert book.on_edit_checked(1, [file("new", "")], {}) == [Boot(2, 1, (file("new", ""),), "overlap", 1)]


def test_a_new_file_that_was_refused_and_that_a_worker_has_found_since_is_reloaded_away() -> None:
    """The replacement of a Worker reads the disk; when the file is deleted, it must not run on."""
    book = live_without_new()
    book.on_edit_checked(1, [file("new", "1")], {})
    book.on_boot_failed(2, CRASH)
    assert not book.on_file_loaded(1, file("new", "1"))
    assert book.on_files_used(1, ["new"]) == []
    assert book.needs_fix
    assert edit(book, 2, file("new", "")) == [Boot(3, 1, (file("new", ""),), "overlap", 2)]


def test_two_texts_of_one_file_in_the_live_code_are_reloaded_whichever_is_reported_first() -> None:
    """It is imported late, and saved at that moment."""
    for first, second in (("1", "2"), ("2", "1")):
        book = running(a="1")
        assert book.on_file_loaded(1, file("lazy", first))
        book.on_edit_noticed(1)
        assert not book.on_file_loaded(1, file("lazy", second), unsettled=True)
        assert types(book.on_edit_checked(1, [file("lazy", "2")], {})) == [Boot]


def test_two_texts_of_one_file_are_reloaded_when_the_older_is_reported_after_the_edit_was_settled() -> None:
    """No edit follows: what is on the disk is tried at once."""
    book = running(a="1")
    book.on_file_loaded(1, file("lazy", "2"))
    assert edit(book, 1, file("lazy", "2")) == []
    assert not book.on_file_loaded(1, file("lazy", "1"))
    assert book.on_files_used(1, ["lazy"]) == [Boot(2, 1, (file("lazy", "2"),), "overlap", 1)]


def test_a_candidate_that_reads_what_a_newer_edit_has_brought_settles_that() -> None:
    """It has one Worker, so what that has read is what runs."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    book.on_edit_noticed(2)
    assert book.on_file_loaded(2, file("new", "1"), unsettled=True)
    assert book.on_edit_checked(2, [file("new", "1")], {}) == []
    assert not book.is_settled(2)
    assert ready(book, 2) == [live(2, 2, ("a",))]


def test_a_candidate_that_has_read_an_older_text_than_a_newer_edit_has_does_not_settle_that() -> None:
    """The newer text boots after it."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    book.on_edit_noticed(2)
    book.on_file_loaded(2, file("new", "1"), unsettled=True)
    assert types(book.on_edit_checked(2, [file("new", "2")], {})) == [Boot]


def test_a_younger_candidate_may_lack_what_an_elder_one_has_read_of_an_unsettled_edit() -> None:
    """It may have looked for it before."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("a", "3"))
    book.on_edit_noticed(3)
    assert book.on_file_loaded(2, file("new", "1"), unsettled=True)
    assert types(book.on_edit_checked(3, [file("new", "1")], {})) == [Drop, Boot]


def test_a_younger_candidate_keeps_the_text_that_an_elder_one_has_read_though_it_is_deleted_then() -> None:
    """Without it the younger one, once live, could not be started again after its Manager has died."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("a", "3"))
    book.on_edit_noticed(3)
    book.on_file_loaded(2, file("new", "1"), unsettled=True)
    younger = book.snapshot_of(3)
    assert younger is not None
    assert younger["new"].source == file("new", "1").source


def test_a_file_of_which_no_text_is_kept_is_read_from_the_disk_by_the_next_manager() -> None:
    """It was notified that the file is absent, and its Workers failed to import it without end."""
    book = live_without_new()
    book.on_file_loaded(1, file("new.py", "1"), unsettled=True)
    assert "new.py" in book.snapshot
    assert own_python(book.snapshot.values()) == ()


def test_what_was_refused_does_not_join_the_live_code_when_it_is_surveyed() -> None:
    """An older, slow save goes live after it, and what lies beside that is read."""
    book = running(a="1")
    edit(book, 1, file("a", "2"))
    edit(book, 2, file("new", "1"))
    book.on_boot_failed(3, CRASH)
    ready(book, 2)
    assert not book.on_file_surveyed(file("new", "1"))
    assert book.on_file_surveyed(file("stray", "1"))
    assert not book.on_file_surveyed(file("a", "2"))
    assert "new" not in book.snapshot
