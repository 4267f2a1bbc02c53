"""Saves, each way an editor makes them: every one is counted, and is one edit with the right content."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from devserver.ipc.messages import Source
from devserver.ipc.source_digest import digest
from devserver.watch import EditChecked, EditNoticed
from devserver.watch.check import syntax
from tests.integration.watching import DEADLINE, Reports, an_app, on_each_loop, source_of, watching


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A file that runs."""
    return an_app(tmp_path)


def atomic_save(path: Path, text: str) -> None:
    path.with_suffix(".tmp").write_text(text)
    path.with_suffix(".tmp").rename(path)


def vim_save(path: Path, text: str) -> None:
    (path.parent / "4913").touch()
    (path.parent / "4913").unlink()
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()


def truncating_save(path: Path, text: str) -> None:
    path.write_text(text)


def linked_save(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    path.unlink()
    path.hardlink_to(new)
    new.unlink()


async def looked_at(reports: Reports) -> None:
    """Wait until the edit that is under way was read once, found empty or gone, and doubted."""
    checker = reports.watch._checker
    looked = asyncio.Event()
    doubtful = checker.doubtful

    def spy(contents: object) -> list[str]:
        found = doubtful(contents)  # type: ignore[arg-type]
        looked.set()
        return found

    checker.doubtful = spy  # type: ignore[method-assign]
    async with asyncio.timeout(DEADLINE):
        await looked.wait()
    checker.doubtful = doubtful  # type: ignore[method-assign]


@on_each_loop
async def test_every_save_is_counted_at_once(app: Path) -> None:
    """A request that arrives right after a save knows of it, 200 of 200."""
    async with watching(app.parent) as reports:
        await reports.attend(app)
        for n in range(1, 201):
            (atomic_save, truncating_save)[n % 2](app, f"x = {n}\n")
            before = max((s.edit for s in reports.all(EditChecked)), default=0)
            edit = reports.watch.newest_edit()
            assert edit > before
            assert reports.all(EditNoticed)[-1].edit == edit
            settled = await reports.settled(edit)
            assert source_of(settled, app).source == f"x = {n}\n".encode()


@pytest.mark.parametrize("save", [atomic_save, vim_save, truncating_save, linked_save])
@on_each_loop
async def test_each_way_to_save_is_one_edit(app: Path, save: Callable[[Path, str], None]) -> None:
    """However an editor saves, one save is one edit with the new content, also for watchdog's late eyes."""
    async with watching(app.parent) as reports:
        await reports.attend(app)
        save(app, "x = 1\n")
        edit = reports.watch.newest_edit()
        assert edit == 1
        settled = await reports.settled(edit)
        source = source_of(settled, app)
        assert source.source == b"x = 1\n"
        assert source.digest == digest(b"x = 1\n")
        assert source.code is not None
        assert not settled.failures
        assert await reports.sentinel(app) == 2


@on_each_loop
async def test_a_pause_in_the_middle_of_a_save(app: Path) -> None:
    """A file that is empty or gone for a moment is not taken for the new code."""
    async with watching(app.parent, settle_modified=0.25, settle_cap=DEADLINE) as reports:
        await reports.attend(app)
        with open(app, "w") as file:
            assert reports.watch.newest_edit() == 1
            await looked_at(reports)
            file.write("x = 1\n")
        settled = await reports.settled(1)
        assert source_of(settled, app).source == b"x = 1\n"
        app.rename(app.with_name("backup~"))
        assert reports.watch.newest_edit() == 2
        await looked_at(reports)
        app.write_text("x = 2\n")
        settled = await reports.settled(2)
        assert source_of(settled, app).source == b"x = 2\n"
        assert reports.watch.newest_edit() == 2


@on_each_loop
async def test_a_touch_changes_nothing(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened for writing and closed again: an edit at most, with the content that runs, and not compiled."""
    compiled: list[str] = []
    original = syntax.SyntaxChecker.check

    def counting(self: syntax.SyntaxChecker, path: str, data: bytes) -> syntax.Verdict:
        compiled.append(path)
        return original(self, path, data)

    monkeypatch.setattr(syntax.SyntaxChecker, "check", counting)

    async with watching(app.parent) as reports:
        await reports.attend(app)
        with open(app, "a"):
            pass
        settled = await reports.settled(reports.watch.newest_edit())
        assert source_of(settled, app).digest == digest(b"x = 0\n")
        assert compiled == []
        app.write_text("x = 1\n")
        await reports.settled(reports.watch.newest_edit())
        app.write_text("x = 1\n")
        settled = await reports.settled(reports.watch.newest_edit())
        assert source_of(settled, app).digest == digest(b"x = 1\n")
        assert compiled == [str(app)]
        os.utime(app)
        app.chmod(0o600)
        count = reports.watch.newest_edit()
        await reports.quiet()
        assert reports.watch.newest_edit() == count


@on_each_loop
async def test_two_saves_of_one_size_within_a_second(app: Path) -> None:
    """The second of two saves that look alike to a whole-second clock is seen."""
    async with watching(app.parent) as reports:
        await reports.attend(app)
        for n in (1, 2):
            app.write_text(f"x = {n}\n")
            settled = await reports.settled(reports.watch.newest_edit())
            assert source_of(settled, app).source == f"x = {n}\n".encode()


@on_each_loop
async def test_a_broken_file_is_named(app: Path) -> None:
    """Every file of an edit that does not compile is reported, and again when it is only touched."""
    other = app.with_name("other.py")

    async with watching(app.parent) as reports:
        await reports.attend(app)
        app.write_text("x = (\n")
        other.write_text("def f(:\n")
        settled = await reports.settled(reports.watch.newest_edit())
        assert set(settled.failures) == {str(app), str(other)}
        assert source_of(settled, app).code is None
        with open(app, "a"):
            pass
        settled = await reports.settled(reports.watch.newest_edit())
        assert set(settled.failures) == {str(app)}
        app.write_text("if 1 is 1: x = 1\n")
        settled = await reports.settled(reports.watch.newest_edit())
        assert settled.failures == {}
        assert [warning.line for warning in settled.warnings] == [1]


@on_each_loop
async def test_a_file_that_vanishes(app: Path) -> None:
    """A deleted module settles as absent, and its return is seen."""
    async with watching(app.parent) as reports:
        await reports.attend(app)
        app.unlink()
        settled = await reports.settled(reports.watch.newest_edit())
        assert source_of(settled, app) == Source(str(app), b"", None)
        app.write_text("x = 0\n")
        settled = await reports.settled(reports.watch.newest_edit())
        assert source_of(settled, app).source == b"x = 0\n"


@on_each_loop
async def test_closing_in_the_middle_of_an_edit(app: Path) -> None:
    """A stop does not wait for an edit, and leaves no thread, descriptor or compiler."""
    async with watching(app.parent) as reports:
        await reports.attend(app)
        app.write_text("x = 1\n" * 60_000)
        assert reports.watch.newest_edit() == 1
        await reports.until(lambda: reports.all(EditNoticed) or None)
    assert reports.watch.newest_edit() == 1
    app.write_text("x = 2\n")
    assert reports.watch.newest_edit() == 1
    assert reports.all(EditChecked) == []


@on_each_loop
async def test_edits_settle_in_order(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short check does not wait for a long one to begin, but its edit is reported after the elder one."""
    other = app.with_name("other.py")
    free = threading.Event()
    original = syntax.SyntaxChecker.check

    begun: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def slow(self: syntax.SyntaxChecker, path: str, data: bytes) -> syntax.Verdict:
        loop.call_soon_threadsafe(begun.put_nowait, path)
        assert path == str(other) or free.wait(DEADLINE)
        return original(self, path, data)

    monkeypatch.setattr(syntax.SyntaxChecker, "check", slow)
    async with watching(app.parent) as reports, asyncio.timeout(DEADLINE):
        await reports.attend(app)
        app.write_text("x = 1\n")
        assert reports.watch.newest_edit() == 1
        assert await begun.get() == str(app)
        other.write_text("y = 1\n")
        assert reports.watch.newest_edit() == 2
        assert await begun.get() == str(other)
        assert reports.all(EditChecked) == []
        free.set()
        await reports.settled(2)
        assert [settled.edit for settled in reports.all(EditChecked)] == [1, 2]
