"""Where the system reports no changes, they are found all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from devserver.ipc.messages import Source
from devserver.ipc.source_digest import digest
from devserver.watch import EditChecked, Remark
from devserver.watch.notice.inotify import Inotify
from tests.integration.watching import an_app, on_each_loop, source_of, watching


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A file that runs."""
    return an_app(tmp_path)


@on_each_loop
async def test_a_save_that_the_survey_reads_first_is_an_edit(app: Path) -> None:
    """What is saved after the code was started and before the files beside it are read is no baseline."""
    root = app.parent
    (root / "kept.html").write_text("<p>")
    (root / "saved.html").write_text("old")
    async with watching(root, poll=True) as reports:
        (root / "saved.html").write_text("new text")
        (root / "folder").mkdir()
        (root / "folder" / "made.html").write_text("made")
        surveyed = await reports.surveyed()
        names = {file.path for file in surveyed.files}
        assert str(root / "kept.html") in names
        assert not names & {str(root / "saved.html"), str(root / "folder" / "made.html")}
        settled = await reports.settled(1)
        assert source_of(settled, root / "saved.html").digest == digest(b"new text")
        assert source_of(settled, root / "folder" / "made.html").digest == digest(b"made")
        (root / "saved.html").write_text("newer still")
        surveyed = await reports.surveyed()
        assert str(root / "saved.html") not in {file.path for file in surveyed.files}
        settled = await reports.settled(2)
        assert source_of(settled, root / "saved.html").digest == digest(b"newer still")


@on_each_loop
async def test_polling_where_it_is_asked_for(app: Path) -> None:
    """Without the system's events, edits, new files and templates are found, and the reason is given."""
    root = app.parent
    (root / ".venv").mkdir()

    async with watching(root, poll=True) as reports:
        assert [remark.text for remark in reports.all(Remark)] == [
            "Polling for changes every 0.5 s: --poll was given."
        ]
        await reports.attend(app)
        (root / ".venv/x.html").write_text("<p>")
        (root / "new.html").write_text("<p>")
        settled = await reports.settled(1)
        assert source_of(settled, root / "new.html").digest == digest(b"<p>")
        app.write_text("x = 1\n")
        settled = await reports.settled(2)
        assert source_of(settled, app).source == b"x = 1\n"
        app.unlink()
        settled = await reports.settled(3)
        assert source_of(settled, app).digest == b""


@on_each_loop
async def test_polling_looks_before_it_answers(app: Path) -> None:
    """Where changes are polled, a look at what runs stands in for the strict count."""
    async with watching(app.parent, poll=True) as reports:
        await reports.attend(app)
        reports.watch._poll_budget._last = float("-inf")
        app.write_text("x = 11\n")
        assert reports.watch.newest_edit() == 1


@on_each_loop
async def test_polling_where_the_limit_is_reached(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What inotify has no room for is polled: the one file there is found, and the rest stays strict."""
    add = Inotify.add

    def limited(self: Inotify, folder: str) -> bool:
        if "full" in folder:
            raise OSError(28, "No space left on device")
        return add(self, folder)

    monkeypatch.setattr(Inotify, "add", limited)
    full = app.parent / "full/page.html"

    async with watching(app.parent) as reports:
        await reports.attend(app)
        assert reports.all(Remark) == []
        full.parent.mkdir(exist_ok=True)
        assert reports.watch.newest_edit() == 0
        remark = await reports.until(lambda: next(iter(reports.all(Remark)), None))
        assert "max_user_watches" in remark.text
        app.write_text("x = 1\n")
        assert reports.watch.newest_edit() == 1
        full.write_text("<p>")
        page = Source(str(full), digest(b"<p>"), None)
        await reports.until(
            lambda: any(page in settled.files for settled in reports.all(EditChecked)) or None
        )
        full.unlink()
        full.parent.rmdir()


@on_each_loop
async def test_no_descriptor_is_granted(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where inotify is not to be had at all, everything is polled."""

    def refused(self: Inotify) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Inotify, "__init__", refused)

    async with watching(app.parent) as reports:
        assert "max_user_instances" in reports.all(Remark)[0].text
        await reports.attend(app)
        app.write_text("x = 1\n")
        settled = await reports.settled(1)
        assert source_of(settled, app).source == b"x = 1\n"
