"""Which opens and executions of files concern devserver, and what it costs when they do not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devserver.ipc.messages import OpenedFile
from devserver.ipc.source_digest import digest
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.observe import opened_files as module
from devserver.worker.observe.opened_files import OpenedFiles

Hear = Callable[[str, tuple[Any, ...]], None]


@pytest.fixture
def snapshot() -> Snapshot:
    return Snapshot({}, lambda _source: None)


@pytest.fixture
def opened(snapshot: Snapshot) -> OpenedFiles:
    return OpenedFiles(snapshot, lambda: None)


@pytest.fixture
def hear(opened: OpenedFiles) -> Hear:
    return opened.listener()


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """An own file, in the real folder that it lies in."""
    path = tmp_path.resolve() / "part.py"
    path.write_text("N = 1\n")
    return path


def reads(hear: Hear, path: object) -> None:
    hear("open", (path, "r", os.O_RDONLY))


def executes(hear: Hear, path: str) -> None:
    hear("exec", (compile("", path, "exec"),))


def test_a_file_that_is_read_and_then_executed_is_reported_as_executed(
    opened: OpenedFiles, hear: Hear, part: Path
) -> None:
    """Once each, however often it happens."""
    reads(hear, str(part))
    executes(hear, str(part))
    executes(hear, str(part))
    assert opened.taken() == (OpenedFile(str(part), digest(b"N = 1\n"), True),)
    assert opened.taken() == ()


def test_a_relative_name_is_that_of_the_folder_the_app_is_in_then(
    opened: OpenedFiles, hear: Hear, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `open` takes it."""
    monkeypatch.chdir(part.parent)
    reads(hear, "part.py")
    monkeypatch.chdir("/")
    assert [file.path for file in opened.taken()] == [str(part)]


def test_a_link_is_reported_by_where_it_leads(opened: OpenedFiles, hear: Hear, part: Path) -> None:
    """As modules are."""
    link = part.with_name("link.py")
    link.symlink_to(part)
    reads(hear, str(link))
    assert [file.path for file in opened.taken()] == [str(part)]


def test_what_was_looked_for_and_is_not_there_is_reported(
    opened: OpenedFiles, hear: Hear, tmp_path: Path
) -> None:
    """Making it may change what the app does."""
    reads(hear, str(tmp_path.resolve() / "local.py"))
    assert opened.taken() == (OpenedFile(str(tmp_path.resolve() / "local.py"), b"", False),)


def test_what_is_installed_imported_or_no_file_is_not_reported(
    opened: OpenedFiles, hear: Hear, part: Path, snapshot: Snapshot
) -> None:
    """The standard library, modules of the snapshot, text that was never in a file, and what is no path."""
    snapshot.source(str(part))
    reads(hear, json.__file__)
    executes(hear, json.__file__)
    reads(hear, str(part))
    executes(hear, str(part))
    executes(hear, "<string>")
    executes(hear, str(part.with_name("missing.txt")))
    for path in (3, b"x.py", "\0.py", str(part.with_name("data.csv"))):
        reads(hear, path)
    assert opened.taken() == ()


def test_what_the_app_writes_is_data(opened: OpenedFiles, hear: Hear, part: Path) -> None:
    """It reads it back, perhaps for each request."""
    hear("open", (str(part), "w", os.O_WRONLY | os.O_CREAT))
    reads(hear, str(part))
    assert opened.taken() == ()


def test_of_an_app_that_reads_file_after_file_a_bounded_number_is_reported(
    opened: OpenedFiles, hear: Hear, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it does, the Master has to watch a bounded number."""
    monkeypatch.setattr(module, "MOST", 3)
    for number in range(10):
        reads(hear, str(part.with_name(f"x{number}.py")))
    assert len(opened.taken()) == 3
