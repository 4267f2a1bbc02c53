"""The watch on real folders, a real kernel and a real loop."""

from __future__ import annotations

import asyncio
import os
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import uvloop

from devserver.config import WatchConfig
from devserver.watch import Noticed, Remark, Report, Settled, Surveyed, Watch, check, cover
from devserver.watch.fence import Fence
from devserver.wire.digest import digest
from devserver.wire.messages import Source

DEADLINE = 20.0
T = TypeVar("T")
Script = Callable[[], Awaitable[None]]
OVERFLOW = struct.pack("iIII", -1, 0x4000, 0, 0)

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Script], None]:
    """Run a script on each kind of loop."""

    def run(script: Script) -> None:
        async def within_time() -> None:
            async with asyncio.timeout(DEADLINE * 3):
                await script()

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(within_time())

    return run


class Ear:
    """What a watch has reported, and waiting for more of it."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.watch: Watch
        self._news = asyncio.Event()

    def hear(self, report: Report) -> None:
        self.reports.append(report)
        self._news.set()

    def all(self, kind: type[T]) -> list[T]:
        return [report for report in self.reports if isinstance(report, kind)]

    async def settled(self, edit: int) -> Settled:
        """Wait until `edit` has settled."""
        return await self.until(lambda: next((s for s in self.all(Settled) if s.edit == edit), None))

    async def until(self, found: Callable[[], T | None]) -> T:
        async with asyncio.timeout(DEADLINE):
            while (what := found()) is None:
                self._news.clear()
                await self._news.wait()
        return what

    async def attend(self, *paths: Path) -> None:
        """Attend files as they are on the disk, and wait until they were compared."""
        self.watch.attend([(str(path), digest(path.read_bytes())) for path in paths])
        await self.surveyed()

    async def surveyed(self) -> Surveyed:
        """Survey: whatever was asked before has been read when it is reported."""
        count = len(self.all(Surveyed))
        self.watch.survey()
        return await self.until(lambda: next(iter(self.all(Surveyed)[count:]), None))

    async def quiet(self) -> None:
        """Wait until every edit that was noticed has settled, and watchdog had its time to object."""
        newest = self.watch.newest_edit()
        if newest:
            await self.settled(newest)
        await self.surveyed()

    async def sentinel(self, path: Path) -> int:
        """Make one more edit: what watchdog had to say before it has been heard when that has settled."""
        path.write_text(f"x = {os.urandom(4).hex()!r}\n")
        edit = self.watch.newest_edit()
        await self.settled(edit)
        return edit


@asynccontextmanager
async def watching(root: Path, **settings: object) -> AsyncIterator[Ear]:
    threads, fds = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    ear = Ear()
    config = WatchConfig(root=str(root), **settings)  # type: ignore[arg-type]
    ear.watch = Watch(config, ear.hear, asyncio.get_running_loop())
    await ear.watch.start()
    try:
        yield ear
        numbers = [report.edit for report in ear.all(Noticed)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert [report.edit for report in ear.all(Settled)] == numbers[: len(ear.all(Settled))]
    finally:
        await ear.watch.close()
    assert set(threading.enumerate()) <= threads
    assert len(os.listdir("/proc/self/fd")) <= fds + 2  # the loop makes its own pair for call_soon_threadsafe


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A file that runs."""
    path = tmp_path / "handlers.py"
    path.write_text("x = 0\n")
    return path


def source_of(settled: Settled, path: Path) -> Source:
    (source,) = (file for file in settled.files if file.path == str(path))
    return source


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


def test_every_save_is_counted_at_once(app: Path, run: Callable[[Script], None]) -> None:
    """A request that arrives right after a save knows of it, 200 of 200."""

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app)
            for n in range(1, 201):
                (atomic_save, truncating_save)[n % 2](app, f"x = {n}\n")
                before = max((s.edit for s in ear.all(Settled)), default=0)
                edit = ear.watch.newest_edit()
                assert edit > before
                assert ear.all(Noticed)[-1].edit == edit
                settled = await ear.settled(edit)
                assert source_of(settled, app).source == f"x = {n}\n".encode()

    run(script)


@pytest.mark.parametrize("save", [atomic_save, vim_save, truncating_save, linked_save])
def test_each_way_to_save_is_one_edit(
    app: Path, run: Callable[[Script], None], save: Callable[[Path, str], None]
) -> None:
    """However an editor saves, one save is one edit with the new content, also for watchdog's late eyes."""

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app)
            save(app, "x = 1\n")
            edit = ear.watch.newest_edit()
            assert edit == 1
            settled = await ear.settled(edit)
            source = source_of(settled, app)
            assert source.source == b"x = 1\n"
            assert source.digest == digest(b"x = 1\n")
            assert source.code is not None
            assert not settled.failures
            assert await ear.sentinel(app) == 2

    run(script)


def test_a_pause_in_the_middle_of_a_save(app: Path, run: Callable[[Script], None]) -> None:
    """A file that is empty or gone for a moment is not taken for the new code."""

    async def script() -> None:
        async with watching(app.parent, settle_modified=0.25, settle_cap=DEADLINE) as ear:
            await ear.attend(app)
            with open(app, "w") as file:
                assert ear.watch.newest_edit() == 1
                await looked_at(ear)
                file.write("x = 1\n")
            settled = await ear.settled(1)
            assert source_of(settled, app).source == b"x = 1\n"
            app.rename(app.with_name("backup~"))
            assert ear.watch.newest_edit() == 2
            await looked_at(ear)
            app.write_text("x = 2\n")
            settled = await ear.settled(2)
            assert source_of(settled, app).source == b"x = 2\n"
            assert ear.watch.newest_edit() == 2

    run(script)


async def looked_at(ear: Ear) -> None:
    """Wait until the edit that is under way was read once, found empty or gone, and doubted."""
    examiner = ear.watch._examiner
    looked = asyncio.Event()
    doubtful = examiner.doubtful

    def spy(contents: object) -> list[str]:
        found = doubtful(contents)  # type: ignore[arg-type]
        looked.set()
        return found

    examiner.doubtful = spy  # type: ignore[method-assign]
    async with asyncio.timeout(DEADLINE):
        await looked.wait()
    examiner.doubtful = doubtful  # type: ignore[method-assign]


def test_a_touch_changes_nothing(
    app: Path, run: Callable[[Script], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened for writing and closed again: an edit at most, with the content that runs, and not compiled."""
    compiled: list[str] = []
    original = check.Checker.check

    def counting(self: check.Checker, path: str, data: bytes) -> check.Verdict:
        compiled.append(path)
        return original(self, path, data)

    monkeypatch.setattr(check.Checker, "check", counting)

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app)
            with open(app, "a"):
                pass
            settled = await ear.settled(ear.watch.newest_edit())
            assert source_of(settled, app).digest == digest(b"x = 0\n")
            assert compiled == []
            app.write_text("x = 1\n")
            await ear.settled(ear.watch.newest_edit())
            app.write_text("x = 1\n")
            settled = await ear.settled(ear.watch.newest_edit())
            assert source_of(settled, app).digest == digest(b"x = 1\n")
            assert compiled == [str(app)]
            os.utime(app)
            app.chmod(0o600)
            count = ear.watch.newest_edit()
            await ear.quiet()
            assert ear.watch.newest_edit() == count

    run(script)


def test_two_saves_of_one_size_within_a_second(app: Path, run: Callable[[Script], None]) -> None:
    """The second of two saves that look alike to a whole-second clock is seen."""

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app)
            for n in (1, 2):
                app.write_text(f"x = {n}\n")
                settled = await ear.settled(ear.watch.newest_edit())
                assert source_of(settled, app).source == f"x = {n}\n".encode()

    run(script)


def test_a_broken_file_is_named(app: Path, run: Callable[[Script], None]) -> None:
    """Every file of an edit that does not compile is reported, and again when it is only touched."""
    other = app.with_name("other.py")

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app)
            app.write_text("x = (\n")
            other.write_text("def f(:\n")
            settled = await ear.settled(ear.watch.newest_edit())
            assert set(settled.failures) == {str(app), str(other)}
            assert source_of(settled, app).code is None
            with open(app, "a"):
                pass
            settled = await ear.settled(ear.watch.newest_edit())
            assert set(settled.failures) == {str(app)}
            app.write_text("if 1 is 1: x = 1\n")
            settled = await ear.settled(ear.watch.newest_edit())
            assert settled.failures == {}
            assert [warning.line for warning in settled.warnings] == [1]

    run(script)


def test_a_file_that_vanishes(app: Path, run: Callable[[Script], None]) -> None:
    """A deleted module settles as absent, and its return is seen."""

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app)
            app.unlink()
            settled = await ear.settled(ear.watch.newest_edit())
            assert source_of(settled, app) == Source(str(app), b"", None)
            app.write_text("x = 0\n")
            settled = await ear.settled(ear.watch.newest_edit())
            assert source_of(settled, app).source == b"x = 0\n"

    run(script)


def test_new_folders_are_watched_at_once(app: Path, run: Callable[[Script], None]) -> None:
    """A file in a folder that was made a moment ago is seen, before and after the folder is known."""
    root = app.parent

    async def script() -> None:
        async with watching(root) as ear:
            ear.watch.attend_everything(True)
            (root / "a/b/c").mkdir(parents=True)
            (root / "a/b/c/one.py").write_text("x = 1\n")
            settled = await ear.settled(ear.watch.newest_edit())
            assert source_of(settled, root / "a/b/c/one.py").source == b"x = 1\n"
            (root / "a/b/c/two.py").write_text("x = 2\n")
            settled = await ear.settled(ear.watch.newest_edit())
            assert source_of(settled, root / "a/b/c/two.py").source == b"x = 2\n"
            (root / "a").rename(root / "z")
            await ear.settled(ear.watch.newest_edit())
            (root / "z/b/c/two.py").write_text("x = 3\n")
            settled = await ear.settled(ear.watch.newest_edit())
            assert source_of(settled, root / "z/b/c/two.py").source == b"x = 3\n"

    run(script)


def test_many_new_folders_are_all_taken_in(
    app: Path, run: Callable[[Script], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large checkout is taken in by and by, and nothing of it is missed."""
    monkeypatch.setattr(cover, "WALKED_AT_ONCE", 3)
    root = app.parent

    async def script() -> None:
        async with watching(root) as ear:
            ear.watch.attend_everything(True)
            files = {root / f"p{n}/q/m.py" for n in range(20)}
            for path in files:
                path.parent.mkdir(parents=True)
                path.write_text("x = 1\n")
            assert ear.watch.newest_edit() == 1
            names = {str(path) for path in files}
            await ear.until(lambda: names <= {f.path for s in ear.all(Settled) for f in s.files} or None)

    run(script)


def test_a_virtual_environment_that_appears_is_left_alone(app: Path, run: Callable[[Script], None]) -> None:
    """Making a virtual environment in the tree causes no edit once it is one."""
    root = app.parent

    async def script() -> None:
        async with watching(root) as ear:
            ear.watch.attend_everything(True)
            (root / "env39/lib").mkdir(parents=True)
            (root / "env39/pyvenv.cfg").touch()
            assert ear.watch.newest_edit() == 0
            (root / "env39/lib/installed.py").write_text("x = 1\n")
            (root / "env39/also.py").write_text("x = 1\n")
            assert ear.watch.newest_edit() == 0

    run(script)


def test_what_runs_is_compared_with_the_disk(app: Path, run: Callable[[Script], None]) -> None:
    """A save between the Worker's reading and our knowing of it is an edit."""
    app.write_text("x = 'newer'\n")

    async def script() -> None:
        async with watching(app.parent) as ear:
            ear.watch.attend([(str(app), digest(b"x = 'older'\n"))])
            settled = await ear.settled(1)
            source = source_of(settled, app)
            assert source.source == b"x = 'newer'\n"
            assert source.code is not None
            await ear.attend(app)
            assert ear.watch.newest_edit() == 1

    run(script)


def test_saves_before_anything_is_attended(app: Path, run: Callable[[Script], None]) -> None:
    """While the first Worker boots, every Python file of the tree matters."""
    deep = app.parent / "pkg/deep.py"
    deep.parent.mkdir()

    async def script() -> None:
        async with watching(app.parent) as ear:
            ear.watch.attend_everything(True)
            deep.write_text("x = 1\n")
            assert ear.watch.newest_edit() == 1
            ear.watch.attend_everything(False)
            await ear.quiet()
            deep.write_text("x = 2\n")
            assert ear.watch.newest_edit() == 1

    run(script)


def test_the_cure_saved_just_before_the_refusal(app: Path, run: Callable[[Script], None]) -> None:
    """A file that did not matter, saved while the new code was tried, is looked at when that was refused."""
    cure = app.parent / "pkg/cure.py"
    cure.parent.mkdir()

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app)
            app.write_text("import pkg.cure\n")
            await ear.settled(ear.watch.newest_edit())
            cure.write_text("x = 1\n")
            assert ear.watch.newest_edit() == 1
            ear.watch.attend_everything(True)
            settled = await ear.settled(2)
            assert source_of(settled, cure).source == b"x = 1\n"

    run(script)


def test_modules_outside_the_root(
    app: Path, run: Callable[[Script], None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Own code that lies elsewhere, or in an ignored folder, or behind a link, is watched like the rest."""
    outside = tmp_path_factory.mktemp("outside") / "own.py"
    ignored = app.parent / "node_modules/made.py"
    real, link = outside.with_name("real.py"), app.with_name("link.py")
    ignored.parent.mkdir()
    for path in (outside, ignored, real):
        path.write_text("x = 0\n")
    link.symlink_to(real)

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app, outside, ignored, link)
            for target, name in ((outside, outside), (ignored, ignored), (real, link)):
                target.write_text("x = 1\n")
                settled = await ear.settled(ear.watch.newest_edit())
                assert source_of(settled, name).source == b"x = 1\n"
            outside.with_name("new.py").write_text("x = 1\n")
            settled = await ear.settled(ear.watch.newest_edit())
            assert source_of(settled, outside.with_name("new.py")).source == b"x = 1\n"

    run(script)


def test_a_root_that_is_replaced(tmp_path: Path, run: Callable[[Script], None]) -> None:
    """The whole tree may be deleted and made anew under our feet."""
    app = tmp_path / "root/handlers.py"
    app.parent.mkdir()
    app.write_text("x = 0\n")

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app)
            app.unlink()
            app.parent.rmdir()
            settled = await ear.settled(ear.watch.newest_edit())
            assert source_of(settled, app).digest == b""
            app.parent.mkdir()
            app.write_text("x = 1\n")
            settled = await ear.settled(2)
            assert source_of(settled, app).source == b"x = 1\n"
            app.write_text("x = 2\n")
            settled = await ear.settled(ear.watch.newest_edit())
            assert source_of(settled, app).source == b"x = 2\n"

    run(script)


def test_an_overflow_reads_everything_again(app: Path, run: Callable[[Script], None]) -> None:
    """When the kernel has dropped events, that is said, and what runs is compared with the disk."""

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app)
            ear.watch._cover.take(OVERFLOW)
            settled = await ear.settled(ear.watch.newest_edit())
            assert source_of(settled, app).digest == digest(b"x = 0\n")
            assert [remark.level for remark in ear.all(Remark)] == ["warning"]

    run(script)


def test_a_survey_finds_the_neighbours(app: Path, run: Callable[[Script], None]) -> None:
    """What lies beside the running modules becomes the baseline; the rest of the tree does not."""
    root = app.parent
    (root / "lazy.py").write_text("x = (\n")
    (root / "page.html").write_text("<p>")
    (root / "pkg").mkdir()
    (root / "pkg/unused.py").write_text("x = 1\n")

    async def script() -> None:
        async with watching(root) as ear:
            await ear.attend(app)
            surveyed = await ear.surveyed()
            assert surveyed.files == (
                Source(str(root / "lazy.py"), digest(b"x = (\n"), b"x = (\n"),
                Source(str(root / "page.html"), digest(b"<p>"), None),
            )
            with open(root / "page.html", "a"):
                pass
            settled = await ear.settled(ear.watch.newest_edit())
            assert settled.files == (Source(str(root / "page.html"), digest(b"<p>"), None),)

    run(script)


def test_polling_where_it_is_asked_for(app: Path, run: Callable[[Script], None]) -> None:
    """Without the system's events, edits, new files and templates are found, and it is said why."""
    root = app.parent
    (root / ".venv").mkdir()

    async def script() -> None:
        async with watching(root, poll=True) as ear:
            assert [remark.text for remark in ear.all(Remark)] == [
                "Polling for changes every 0.5 s: it was asked for."
            ]
            await ear.attend(app)
            (root / ".venv/x.html").write_text("<p>")
            (root / "new.html").write_text("<p>")
            settled = await ear.settled(1)
            assert source_of(settled, root / "new.html").digest == digest(b"<p>")
            app.write_text("x = 1\n")
            settled = await ear.settled(2)
            assert source_of(settled, app).source == b"x = 1\n"
            app.unlink()
            settled = await ear.settled(3)
            assert source_of(settled, app).digest == b""

    run(script)


def test_polling_looks_before_it_answers(app: Path, run: Callable[[Script], None]) -> None:
    """Where changes are polled, a look at what runs stands in for the strict count."""

    async def script() -> None:
        async with watching(app.parent, poll=True) as ear:
            await ear.attend(app)
            ear.watch._glance._last = float("-inf")
            app.write_text("x = 11\n")
            assert ear.watch.newest_edit() == 1

    run(script)


def test_polling_where_the_limit_is_reached(
    app: Path, run: Callable[[Script], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What inotify has no room for is polled: the one file there is found, and the rest stays strict."""
    add = Fence.add

    def limited(self: Fence, folder: str) -> bool:
        if "full" in folder:
            raise OSError(28, "No space left on device")
        return add(self, folder)

    monkeypatch.setattr(Fence, "add", limited)
    full = app.parent / "full/page.html"

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app)
            assert ear.all(Remark) == []
            full.parent.mkdir(exist_ok=True)
            assert ear.watch.newest_edit() == 0
            remark = await ear.until(lambda: next(iter(ear.all(Remark)), None))
            assert "max_user_watches" in remark.text
            app.write_text("x = 1\n")
            assert ear.watch.newest_edit() == 1
            full.write_text("<p>")
            page = Source(str(full), digest(b"<p>"), None)
            await ear.until(lambda: any(page in settled.files for settled in ear.all(Settled)) or None)
            full.unlink()
            full.parent.rmdir()

    run(script)


def test_no_descriptor_is_granted(
    app: Path, run: Callable[[Script], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where inotify is not to be had at all, everything is polled."""

    def refused(self: Fence) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Fence, "__init__", refused)

    async def script() -> None:
        async with watching(app.parent) as ear:
            assert "max_user_instances" in ear.all(Remark)[0].text
            await ear.attend(app)
            app.write_text("x = 1\n")
            settled = await ear.settled(1)
            assert source_of(settled, app).source == b"x = 1\n"

    run(script)


def test_closing_in_the_middle_of_an_edit(app: Path, run: Callable[[Script], None]) -> None:
    """A stop does not wait for an edit, and leaves no thread, descriptor or compiler."""

    async def script() -> None:
        async with watching(app.parent) as ear:
            await ear.attend(app)
            app.write_text("x = 1\n" * 60_000)
            assert ear.watch.newest_edit() == 1
            await ear.until(lambda: ear.all(Noticed) or None)
        assert ear.watch.newest_edit() == 1
        app.write_text("x = 2\n")
        assert ear.watch.newest_edit() == 1
        assert ear.all(Settled) == []

    run(script)


def test_edits_settle_in_order(
    app: Path, run: Callable[[Script], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short check does not wait for a long one to begin, but its edit is reported after the elder one."""
    other = app.with_name("other.py")
    free = threading.Event()
    original = check.Checker.check

    async def script() -> None:
        begun: asyncio.Queue[str] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def slow(self: check.Checker, path: str, data: bytes) -> check.Verdict:
            loop.call_soon_threadsafe(begun.put_nowait, path)
            assert path == str(other) or free.wait(DEADLINE)
            return original(self, path, data)

        monkeypatch.setattr(check.Checker, "check", slow)
        async with watching(app.parent) as ear, asyncio.timeout(DEADLINE):
            await ear.attend(app)
            app.write_text("x = 1\n")
            assert ear.watch.newest_edit() == 1
            assert await begun.get() == str(app)
            other.write_text("y = 1\n")
            assert ear.watch.newest_edit() == 2
            assert await begun.get() == str(other)
            assert ear.all(Settled) == []
            free.set()
            await ear.settled(2)
            assert [settled.edit for settled in ear.all(Settled)] == [1, 2]

    run(script)
