"""What is watched: the tree as it changes, what runs outside of it, and what was saved before it mattered."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from devserver.ipc.messages import Source
from devserver.ipc.source_digest import digest
from devserver.watch import EditChecked, FilesReread, FilesSurveyed, Remark
from devserver.watch.notice import new_folders
from tests.integration.watching import DEADLINE, an_app, on_each_loop, source_of, watching

OVERFLOW = struct.pack("iIII", -1, 0x4000, 0, 0)
"""An event as the kernel writes it when its queue is full."""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A file that runs."""
    return an_app(tmp_path)


@on_each_loop
async def test_new_folders_are_watched_at_once(app: Path) -> None:
    """A file in a folder that was made a moment ago is seen, before and after the folder is known."""
    root = app.parent

    async with watching(root) as reports:
        reports.watch.attend_everything(True)
        (root / "a/b/c").mkdir(parents=True)
        (root / "a/b/c/one.py").write_text("x = 1\n")
        settled = await reports.settled(reports.watch.newest_edit())
        assert source_of(settled, root / "a/b/c/one.py").source == b"x = 1\n"
        (root / "a/b/c/two.py").write_text("x = 2\n")
        settled = await reports.settled(reports.watch.newest_edit())
        assert source_of(settled, root / "a/b/c/two.py").source == b"x = 2\n"
        (root / "a").rename(root / "z")
        await reports.settled(reports.watch.newest_edit())
        (root / "z/b/c/two.py").write_text("x = 3\n")
        settled = await reports.settled(reports.watch.newest_edit())
        assert source_of(settled, root / "z/b/c/two.py").source == b"x = 3\n"


@on_each_loop
async def test_many_new_folders_are_all_taken_in(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large checkout is taken in by and by, and nothing of it is missed."""
    monkeypatch.setattr(new_folders, "WALKED_AT_ONCE", 3)
    root = app.parent

    async with watching(root) as reports:
        reports.watch.attend_everything(True)
        files = {root / f"p{n}/q/m.py" for n in range(20)}
        for path in files:
            path.parent.mkdir(parents=True)
            path.write_text("x = 1\n")
        assert reports.watch.newest_edit() == 1
        names = {str(path) for path in files}
        await reports.until(
            lambda: names <= {f.path for s in reports.all(EditChecked) for f in s.files} or None
        )


@on_each_loop
async def test_a_virtual_environment_that_appears_is_left_alone(app: Path) -> None:
    """Making a virtual environment in the tree causes no edit once it is one."""
    root = app.parent

    async with watching(root) as reports:
        reports.watch.attend_everything(True)
        (root / "env39/lib").mkdir(parents=True)
        (root / "env39/pyvenv.cfg").touch()
        assert reports.watch.newest_edit() == 0
        (root / "env39/lib/installed.py").write_text("x = 1\n")
        (root / "env39/also.py").write_text("x = 1\n")
        assert reports.watch.newest_edit() == 0


@on_each_loop
async def test_modules_outside_the_root(app: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Own code that lies elsewhere, or in an ignored folder, or behind a link, is watched like the rest."""
    outside = tmp_path_factory.mktemp("outside") / "own.py"
    ignored = app.parent / "node_modules/made.py"
    real, link = outside.with_name("real.py"), app.with_name("link.py")
    ignored.parent.mkdir()
    for path in (outside, ignored, real):
        path.write_text("x = 0\n")
    link.symlink_to(real)

    async with watching(app.parent) as reports:
        await reports.attend(app, outside, ignored, link)
        for target, name in ((outside, outside), (ignored, ignored), (real, link)):
            target.write_text("x = 1\n")
            settled = await reports.settled(reports.watch.newest_edit())
            assert source_of(settled, name).source == b"x = 1\n"
        outside.with_name("new.py").write_text("x = 1\n")
        settled = await reports.settled(reports.watch.newest_edit())
        assert source_of(settled, outside.with_name("new.py")).source == b"x = 1\n"


@on_each_loop
async def test_a_root_that_is_replaced(tmp_path: Path) -> None:
    """The whole tree is deleted and made again: that is no edit of its files, and is reported."""
    app = tmp_path / "root/handlers.py"
    app.parent.mkdir()
    app.write_text("x = 0\n")

    async with watching(app.parent) as reports:
        await reports.attend(app)
        app.unlink()
        app.parent.rmdir()
        assert (await reports.settled(reports.watch.newest_edit())).files == ()
        assert [f"{app.parent} is gone" in remark.text for remark in reports.all(Remark)] == [True]
        app.parent.mkdir()
        app.write_text("x = 1\n")
        reread = await reports.until(lambda: next(iter(reports.all(FilesReread)), None))
        assert source_of(await reports.settled(reread.edit), app).source == b"x = 1\n"
        app.write_text("x = 2\n")
        settled = await reports.settled(reports.watch.newest_edit())
        assert source_of(settled, app).source == b"x = 2\n"


@on_each_loop
async def test_an_overflow_reads_everything_again(app: Path) -> None:
    """When the kernel has dropped events, that is reported, and what runs is compared with the disk."""
    async with watching(app.parent) as reports:
        await reports.attend(app)
        reports.watch._coverage.take(OVERFLOW)
        settled = await reports.settled(reports.watch.newest_edit())
        assert source_of(settled, app).digest == digest(b"x = 0\n")
        assert [remark.level for remark in reports.all(Remark)] == ["warning"]


@on_each_loop
async def test_a_survey_finds_the_neighbours(app: Path) -> None:
    """What lies beside the running modules becomes the baseline; the rest of the tree does not."""
    root = app.parent
    (root / "lazy.py").write_text("x = (\n")
    (root / "page.html").write_text("<p>")
    (root / "pkg").mkdir()
    (root / "pkg/unused.py").write_text("x = 1\n")

    async with watching(root) as reports:
        await reports.attend(app)
        reports.watch.keep([str(app)])
        surveyed = await reports.surveyed()
        assert surveyed.files == (
            Source(str(root / "lazy.py"), digest(b"x = (\n"), b"x = (\n"),
            Source(str(root / "page.html"), digest(b"<p>"), None),
        )
        with open(root / "page.html", "a"):
            pass
        settled = await reports.settled(reports.watch.newest_edit())
        assert settled.files == (Source(str(root / "page.html"), digest(b"<p>"), None),)
        for text, broken in (("x = 1\n", False), ("x = (\n", True)):
            (root / "lazy.py").write_text(text)
            settled = await reports.settled(reports.watch.newest_edit())
            assert bool(settled.failures) is broken


@on_each_loop
async def test_a_save_that_follows_at_once_does_not_wait_for_the_survey(app: Path) -> None:
    """A survey that is due later comes after it, and once however often it was asked for."""
    async with watching(app.parent) as reports:
        await reports.attend(app)
        before = len(reports.all(FilesSurveyed))
        reports.watch.survey(after=DEADLINE)
        app.write_text("x = 1\n")
        await reports.settled(reports.watch.newest_edit())
        assert len(reports.all(FilesSurveyed)) == before
        await reports.surveyed()
        await reports.sentinel(app)
        assert len(reports.all(FilesSurveyed)) == before + 1


@on_each_loop
async def test_what_runs_is_compared_with_the_disk(app: Path) -> None:
    """A save between the Worker's reading and our knowing of it is an edit."""
    app.write_text("x = 'newer'\n")

    async with watching(app.parent) as reports:
        reports.watch.attend([(str(app), digest(b"x = 'older'\n"))])
        settled = await reports.settled(1)
        source = source_of(settled, app)
        assert source.source == b"x = 'newer'\n"
        assert source.code is not None
        await reports.attend(app)
        assert reports.watch.newest_edit() == 1


@on_each_loop
async def test_saves_before_anything_is_attended(app: Path) -> None:
    """While the first Worker boots, every Python file of the tree matters."""
    deep = app.parent / "pkg/deep.py"
    deep.parent.mkdir()

    async with watching(app.parent) as reports:
        reports.watch.attend_everything(True)
        deep.write_text("x = 1\n")
        assert reports.watch.newest_edit() == 1
        reports.watch.attend_everything(False)
        await reports.quiet()
        deep.write_text("x = 2\n")
        assert reports.watch.newest_edit() == 1


@on_each_loop
async def test_the_cure_saved_just_before_the_refusal(app: Path) -> None:
    """A file that did not matter, saved while the new code was tried, is looked at when that was refused."""
    cure = app.parent / "pkg/cure.py"
    cure.parent.mkdir()

    async with watching(app.parent) as reports:
        await reports.attend(app)
        app.write_text("import pkg.cure\n")
        await reports.settled(reports.watch.newest_edit())
        cure.write_text("x = 1\n")
        assert reports.watch.newest_edit() == 1
        reports.watch.attend_everything(True)
        settled = await reports.settled(2)
        assert source_of(settled, cure).source == b"x = 1\n"
