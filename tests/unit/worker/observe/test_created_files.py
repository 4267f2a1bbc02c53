"""Which files the app has made itself while it starts, as the audit events show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devserver.ipc.source_digest import digest
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.observe import created_files as module
from devserver.worker.observe.created_files import CreatedFiles

WRITES = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class StartingApp:
    """An app in a folder; `reported` is what the Master gets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.snapshot = Snapshot({}, lambda _source: None)
        self.reported: list[tuple[str, bytes | None]] = []
        self.created = CreatedFiles(str(self.folder), self.snapshot, self.report)

    def report(self, path: str, found: bytes | None) -> None:
        self.reported.append((os.path.basename(path), found))

    def write(self, name: str, text: str = "1") -> None:
        path = self.folder / name
        self.created.hear("open", (str(path), "w", WRITES))
        path.write_text(text)

    def step(self) -> None:
        self.created.hear("import", ("json", None, [], [], []))


@pytest.fixture
def app(tmp_path: Path) -> StartingApp:
    return StartingApp(tmp_path)


def test_a_file_that_was_made_is_reported_before_and_when_it_is_closed(app: StartingApp) -> None:
    """What comes into it later is a save."""
    app.write("a.json")
    app.step()
    (app.folder / "a.json").write_text("2")
    app.step()
    assert app.reported == [("a.json", None), ("a.json", digest(b"1"))]


def test_bytecode_is_none_of_them(app: StartingApp) -> None:
    """Three hundred modules that are compiled leave room for what the app makes."""
    (app.folder / "__pycache__").mkdir()
    for number in range(300):
        unfinished = f"__pycache__/m{number}.cpython-313.pyc.{140_000 + number}"
        app.write(unfinished)
        compiled = unfinished.rpartition(".")[0]
        app.created.hear("os.rename", (str(app.folder / unfinished), str(app.folder / compiled), -1, -1))
    app.write("a.json")
    app.step()
    assert app.reported == [("a.json", None), ("a.json", digest(b"1"))]


def test_a_file_is_not_reported_while_it_is_open(app: StartingApp) -> None:
    """What is in it may be half of it."""
    path = app.folder / "a.json"
    app.created.hear("open", (str(path), "w", WRITES))
    with path.open("w") as file:
        file.write("1")
        app.step()
        assert app.reported == [("a.json", None)]
    app.step()
    assert app.reported[1:] == [("a.json", digest(b"1"))]


def test_a_file_that_was_moved_to_its_place_is_known_before(app: StartingApp) -> None:
    """As those do it who write with care."""
    app.write("new.tmp")
    app.created.hear("os.rename", (str(app.folder / "new.tmp"), str(app.folder / "a.json"), -1, -1))
    assert app.reported == [("a.json", None), ("a.json", digest(b"1"))]


def test_a_file_that_is_closed_late_is_not_the_apps(
    app: StartingApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then other code may know of it."""
    monkeypatch.setattr(module, "IN_TIME", -1.0)
    app.write("a.json")
    app.created.finish()
    assert app.reported == [("a.json", None), ("a.json", b"")]


def test_a_module_that_was_not_found_before_is_not_the_apps(app: StartingApp) -> None:
    """A cold start would import it."""
    app.snapshot.missed.add("words")
    app.write("words.py")
    app.step()
    assert app.reported == [("words.py", None), ("words.py", b"")]


def test_what_was_there_or_read_before_is_not_reported(app: StartingApp) -> None:
    """Nor is what was removed first, what lies elsewhere, or what is made later."""
    for name in ("old.json", "removed.json"):
        (app.folder / name).write_text("0")
    app.write("old.json")
    app.created.hear("os.remove", (str(app.folder / "removed.json"), -1))
    (app.folder / "removed.json").unlink()
    app.write("removed.json")
    app.write(".env")
    app.created.hear("open", (str(app.folder.parent / "elsewhere.json"), "w", WRITES))
    app.created.finish()
    app.write("late.json")
    assert app.reported == []
