"""Only what was really imported, and would be the same elsewhere, is noted."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest

from devserver.ipc.messages import Imported, Surroundings
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.load.snapshot_importer import install
from devserver.worker.observe.import_log import ImportLog

Write = Callable[[str, str], Path]


@pytest.fixture
def installed(tmp_path: Path) -> Write:
    """Return a function that writes a module of an installed distribution."""

    def write(name: str, text: str) -> Path:
        file = tmp_path / "site-packages" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return file

    return write


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImportLog]:
    """Notes that have begun; what is installed is on the path, after the app's own folder."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "own"), str(tmp_path / "site-packages"), *sys.path])
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    monkeypatch.setattr(sys, "path_hooks", sys.path_hooks[:])
    monkeypatch.setattr(sys, "argv", ["app"])
    monkeypatch.setattr(logging.root, "handlers", logging.root.handlers[:])
    before = set(sys.modules)
    (tmp_path / "own").mkdir()
    snapshot = Snapshot({}, lambda _source: None)
    with warnings.catch_warnings():
        noted = ImportLog(snapshot)
        undo = install(snapshot, noted.found)
        noted.begin()
        yield noted
        undo()
    for name in set(sys.modules) - before:
        del sys.modules[name]
    importlib.invalidate_caches()


def names(notes: ImportLog) -> list[str]:
    """Return the names noted so far; `far_` is how the tests' modules begin."""
    return [note.name for note in notes.taken(1, 1).notes if note.name.startswith("far_")]


def test_installed_modules_are_noted_in_the_order_in_which_their_imports_began(
    notes: ImportLog, installed: Write, tmp_path: Path
) -> None:
    """The next Manager imports what this Worker did, from the same files, the importing one first."""
    first = installed("far_first/__init__.py", "import far_second\nfrom . import part\n")
    installed("far_first/part.py", "")
    installed("far_second.py", "")
    (tmp_path / "own/near.py").write_text("import far_first\n")
    importlib.import_module("near")
    assert names(notes) == ["far_first", "far_second", "far_first.part"]
    taken = notes.taken(7, 3)
    assert (taken.worker, taken.generation, taken.reason) == (7, 3, "")
    assert {note.name: note.origin for note in taken.notes}["far_first"] == str(first)
    assert "near" not in [note.name for note in taken.notes]


def test_only_the_time_of_installed_modules_is_counted(
    notes: ImportLog, installed: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What preloading is reported to save is not what the app's own modules take."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("devserver.worker.observe.import_log.time.perf_counter", lambda: clock.now)
    monkeypatch.setattr(sys, "given_clock", clock, raising=False)
    installed("far_slow.py", "import sys\nsys.given_clock.now += 0.25\n")
    (tmp_path / "own/near_slow.py").write_text("import sys, far_slow\nsys.given_clock.now += 8\n")
    importlib.import_module("near_slow")
    assert notes.taken(1, 1).installed_ms == 250.0


def test_the_standard_library_is_noted_and_what_was_there_before_is_not(
    notes: ImportLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module of the standard library takes time, too; one that the fork has brought along takes none."""
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    importlib.import_module("colorsys")
    importlib.import_module("json")
    noted = [note.name for note in notes.taken(1, 1).notes]
    assert "colorsys" in noted
    assert "json" not in noted


def test_an_own_module_with_the_name_of_an_installed_one_is_own(
    notes: ImportLog, installed: Write, tmp_path: Path
) -> None:
    """A file of the app's hides an installed module: that name must not be preloaded."""
    installed("far_hidden.py", "")
    (tmp_path / "own/far_hidden.py").write_text("")
    importlib.import_module("far_hidden")
    assert names(notes) == []


def test_what_was_only_looked_for_or_failed_is_not_noted(notes: ImportLog, installed: Write) -> None:
    """A module that the Worker does not have is not worth a Manager's time."""
    installed("far_sought.py", "")
    installed("far_broken.py", "1 / 0\n")
    installed("far_posed.py", "")
    assert importlib.util.find_spec("far_sought") is not None
    assert importlib.util.find_spec("far_posed") is not None
    sys.modules["far_posed"] = ModuleType("far_posed")
    with pytest.raises(ZeroDivisionError):
        importlib.import_module("far_broken")
    assert names(notes) == []


def test_what_the_app_had_set_before_an_import_goes_with_the_note(
    notes: ImportLog, installed: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that reads the environment at its import reads the same in the next Manager."""
    for name in ("far_plain", "far_thrifty", "far_bare", "far_placed"):
        installed(f"{name}.py", "")
    notes.begin()  # pytest has set a variable of its own meanwhile
    importlib.import_module("far_plain")
    monkeypatch.setenv("THREADS", "1")
    importlib.import_module("far_thrifty")
    monkeypatch.delenv("THREADS")
    monkeypatch.delenv("PATH")
    importlib.import_module("far_bare")
    path = [*sys.path, "/nowhere"]
    monkeypatch.setattr(sys, "path", path)
    monkeypatch.setattr(sys, "argv", ["app", "--fast"])
    importlib.import_module("far_placed")
    taken = notes.taken(1, 1)
    seen = {
        note.name: msgspec.structs.replace(taken.surroundings[note.surroundings], conditions={})
        for note in taken.notes
    }
    assert seen["far_plain"] == Surroundings()
    assert seen["far_thrifty"] == Surroundings({"THREADS": "1"})
    assert seen["far_bare"] == Surroundings({"PATH": None})
    assert seen["far_placed"] == Surroundings({"PATH": None}, tuple(path), ("app", "--fast"))
    assert taken.last == taken.notes[-1].surroundings


def test_equal_differences_are_reported_once(
    notes: ImportLog, installed: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand modules imported in one state of the environment cost one description of it."""
    for turn in range(3):
        for state in ("a", "b"):
            installed(f"far_{state}{turn}.py", "")
            monkeypatch.setenv("STATE", state)
            importlib.import_module(f"far_{state}{turn}")
    assert len(notes.taken(1, 1).surroundings) == 3


def test_a_module_is_as_without_notes(notes: ImportLog, installed: Write) -> None:
    """What a module sees of its own import is what it sees everywhere."""
    installed("far_plain.py", "TYPE = type(__spec__)\n")
    module: Any = importlib.import_module("far_plain")
    assert module.TYPE.__name__ == "ModuleSpec"
    assert type(module.__spec__) is importlib.machinery.ModuleSpec
    assert vars(module.__spec__).keys() == vars(textwrap.__spec__ or object()).keys()


def _stopped(notes: ImportLog, installed: Write, change: Callable[[], object]) -> Imported:
    """Return the notes of an app that imports something, makes a change, and imports another thing."""
    installed("far_early.py", "")
    installed("far_late.py", "")
    importlib.import_module("far_early")
    change()
    importlib.import_module("far_late")
    assert names(notes) == ["far_early"]
    return notes.taken(1, 1)


def _no_hook(folder: str) -> Any:
    raise ImportError(folder)


class _Finder:
    @staticmethod
    def find_spec(*_: object) -> None:
        return None


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("sys.meta_path", lambda: sys.meta_path.append(_Finder())),
        ("sys.path_hooks", lambda: sys.path_hooks.append(_no_hook)),
        ("the class of loggers", lambda: logging.setLoggerClass(type("Own", (logging.Logger,), {}))),
    ],
)
def test_nothing_is_noted_once_the_app_has_changed_what_imports_mean(
    notes: ImportLog, installed: Write, what: str, change: Callable[[], object]
) -> None:
    """What a module says or finds at its import depends on these: each Worker imports it itself."""
    try:
        assert _stopped(notes, installed, change).reason == f"the app has changed {what}"
    finally:
        logging.setLoggerClass(logging.Logger)


def test_nothing_is_noted_once_loggers_were_disabled(notes: ImportLog, installed: Write) -> None:
    """A library imported after dictConfig() keeps its voice: imported before, it would be disabled."""
    logger = logging.getLogger("near")
    try:
        assert "loggers" in _stopped(notes, installed, lambda: setattr(logger, "disabled", True)).reason
    finally:
        logger.disabled = False


@pytest.mark.parametrize(
    ("module", "mark"), [("gevent.monkey", "saved"), ("eventlet.patcher", "already_patched")]
)
def test_nothing_is_noted_once_the_standard_library_was_patched(
    notes: ImportLog, installed: Write, monkeypatch: pytest.MonkeyPatch, module: str, mark: str
) -> None:
    """What was imported over green sockets and threads cannot be shared with a process that has others."""
    patcher = ModuleType(module)
    setattr(patcher, mark, {})
    monkeypatch.setitem(sys.modules, module, patcher)
    notes.begin()
    taken = _stopped(notes, installed, lambda: getattr(patcher, mark).update(socket=1))
    assert taken.reason == f"{module.partition('.')[0]} has patched the standard library"


def test_a_library_may_change_what_it_likes(notes: ImportLog, installed: Write) -> None:
    """numpy sets filters and six a finder at their import, and do so in the next Manager too: notes go on."""
    installed("far_filters.py", "import far_inner, warnings\nwarnings.simplefilter('ignore')\n")
    installed(
        "far_inner.py", "import sys\nsys.meta_path.append(type('F', (), {'find_spec': lambda *_: None}))\n"
    )
    installed("far_late.py", "")
    importlib.import_module("far_filters")
    importlib.import_module("far_late")
    assert names(notes) == ["far_filters", "far_inner", "far_late"]
    assert notes.taken(1, 1).reason == ""
