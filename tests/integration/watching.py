"""A watch under test: what it reports, waiting for it, and what it must leave behind, which is nothing."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from devserver.config import WatchConfig
from devserver.ipc.messages import Source
from devserver.ipc.source_digest import digest
from devserver.watch import EditChecked, EditNoticed, FilesSurveyed, Report, Watch

DEADLINE = 20.0
"""Seconds that any single wait may take."""
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
T = TypeVar("T")


def on_each_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test on each kind of loop."""

    @functools.wraps(test)
    def run(loop: str, **fixtures: Any) -> None:
        async def within_time() -> None:
            async with asyncio.timeout(3 * DEADLINE):
                await test(**fixtures)

        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(within_time())

    signature = inspect.signature(test)
    named = inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), named]
    )
    on_each: Callable[..., None] = pytest.mark.parametrize("loop", LOOPS)(run)
    return on_each


def an_app(folder: Path) -> Path:
    """Write a file that runs, and return it."""
    path = folder / "handlers.py"
    path.write_text("x = 0\n")
    return path


def source_of(settled: EditChecked, path: Path) -> Source:
    (source,) = (file for file in settled.files if file.path == str(path))
    return source


class Reports:
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

    async def settled(self, edit: int) -> EditChecked:
        """Wait until `edit` has settled."""
        return await self.until(lambda: next((s for s in self.all(EditChecked) if s.edit == edit), None))

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

    async def surveyed(self) -> FilesSurveyed:
        """Survey: whatever was asked before has been read when it is reported."""
        count = len(self.all(FilesSurveyed))
        self.watch.survey()
        return await self.until(lambda: next(iter(self.all(FilesSurveyed)[count:]), None))

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
async def watching(root: Path, **settings: object) -> AsyncIterator[Reports]:
    threads, fds = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    reports = Reports()
    config = WatchConfig(root=str(root), **settings)  # type: ignore[arg-type]
    reports.watch = Watch(config, reports.hear, asyncio.get_running_loop())
    await reports.watch.start()
    try:
        yield reports
        numbers = [report.edit for report in reports.all(EditNoticed)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert [report.edit for report in reports.all(EditChecked)] == numbers[
            : len(reports.all(EditChecked))
        ]
    finally:
        await reports.watch.close()
    assert set(threading.enumerate()) <= threads
    assert len(os.listdir("/proc/self/fd")) <= fds + 2  # the loop makes its own pair for call_soon_threadsafe
