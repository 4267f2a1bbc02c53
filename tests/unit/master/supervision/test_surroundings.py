"""What differs between two apps' surroundings, and where notes are cut for it."""

from __future__ import annotations

from typing import Any

from devserver.ipc.messages import Imported, ModuleNote, Surroundings
from devserver.master.supervision.surroundings import (
    conditions_changed,
    cut,
    cut_before,
    holds,
    variables_changed,
)

FOLDER, ROOT = "the working directory", "the root logger"


def told(*states: dict[str, Any], environment: dict[str, str | None] | None = None) -> Imported:
    """Return notes of a module in each of these states, the last of which is that in the end."""
    notes = tuple(ModuleNote(f"m{number}", "/m.py", number) for number in range(len(states)))
    table = tuple(Surroundings(environment or {}, conditions=state) for state in states)
    return Imported(1, 1, notes, table, last=len(states) - 1)


def test_what_differs_is_named_with_its_value_now() -> None:
    """Variables by their names, conditions by what they are now."""
    then, now = told({FOLDER: "/a", ROOT: 30}), told({FOLDER: "/b", ROOT: 30}, environment={"KNOB": "1"})
    assert variables_changed(then, now) == {"KNOB"}
    assert conditions_changed(then, now) == {FOLDER: "/b"}
    assert holds(now, {FOLDER: "/b", ROOT: 20}) == {FOLDER}


def test_what_imports_find_counts_where_the_app_had_left_it_alone() -> None:
    """Notes that ended there are none that a second reason could spoil."""
    name = "what imports find"
    assert conditions_changed(told({name: ""}), told({name: "a stub"})) == {name: "a stub"}
    assert conditions_changed(told({name: "a hook"}), told({name: "a stub"})) == {}


def test_notes_are_cut_where_the_app_first_changed_it() -> None:
    """What came before can be had; the reason is reported."""
    notes = told({FOLDER: "/a"}, {FOLDER: "/a"}, {FOLDER: "/b"}, {FOLDER: "/a"})
    short = cut(notes, {FOLDER})
    assert [note.name for note in short.notes] == ["m0", "m1"]
    assert short.reason == "the app has changed the working directory"
    assert cut(notes, {ROOT}) is notes
    assert cut(notes, set()) is notes


def test_loggers_are_cut_where_the_root_logger_changed() -> None:
    """The set-up of the others is only known in the end."""
    assert [
        note.name for note in cut(told({ROOT: 1}, {ROOT: 2}), {"the configuration of loggers"}).notes
    ] == ["m0"]


def test_what_came_before_the_last_culprit_is_fit() -> None:
    """Unless all of that was found unfit as well."""
    notes = told({}, {}, {}, {})
    short = cut_before(notes, {"m0": "crashes", "m2": "hangs"})
    assert [note.name for note in short.notes] == ["m0", "m1"]
    assert short.reason == "m2 hangs"
    assert cut_before(notes, {"m0": "crashes", "m1": "hangs"}).notes == ()
    assert cut_before(notes, {}).notes == ()
