"""Watches every folder that matters: with inotify, with polling where that fails, and with watchdog as well.

Law: a folder is watched before it is listed, so no file that appears in it is missed. A folder that inotify
cannot watch is polled, and a remark reports that once.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Sequence
from typing import Protocol, assert_never

from devserver.common.events import Level
from devserver.common.tasks import OffLoop, Tasks
from devserver.watch.notice.debounce import Kind
from devserver.watch.notice.inotify import Fact, FolderCame, FolderLeft, Inotify, Overflowed, Touched
from devserver.watch.notice.mounts import Mounts, read_mounts
from devserver.watch.notice.new_folders import NewFolders
from devserver.watch.notice.watchdog_observer import POLL_EVERY, Observing, Schedule, native, plan, polling
from devserver.watch.scope.filters import VENV_MARK, Filters, Interest
from devserver.watch.scope.tree import Folder, is_kept, walk

MOST_READS = 128
"""Reads that empty a full queue; a writer that is faster than we are does not block the loop."""

ASKED = "--poll was given"
NO_INSTANCE = "the system grants no inotify descriptor (see fs.inotify.max_user_instances)"
NO_WATCH = "the system's limit of inotify watches is reached (see fs.inotify.max_user_watches)"


class Sink(Protocol):
    """The receiver of events; watchdog calls `on_seen` in its thread, the rest runs on the loop."""

    def touched(self, path: str, kind: Kind) -> None: ...

    def folder_left(self, folder: str) -> None: ...

    def overflowed(self) -> None: ...

    def remark(self, level: Level, text: str) -> None: ...

    def on_seen(self, seen: dict[str, Kind]) -> None: ...

    def wake(self) -> None:
        """Called when there are events to `drain`."""


class Coverage:
    """The folders watched."""

    def __init__(
        self,
        filters: Filters,
        off_loop: OffLoop,
        sink: Sink,
        loop: asyncio.AbstractEventLoop,
        poll: bool,
    ) -> None:
        self._filters = filters
        self._off_loop = off_loop
        self._sink = sink
        self._loop = loop
        self._poll_all = poll
        self._started = False
        self._mounts = Mounts("")
        self._inotify: Inotify | None = None
        self._native: Observing | None = None
        self._polling: Observing | None = None
        self._reasons: dict[str, None] = {}
        self._last_remark = ""
        self._unwatched: list[str] = []
        """Folders that inotify could not watch, because the limit is reached."""
        self._freeing = False
        self._new_folders = NewFolders(filters, self._enter)
        self._tasks = Tasks(loop)

    @property
    def has_gaps(self) -> bool:
        """Return whether inotify does not watch some folders: an edit in them is noticed late."""
        return self._inotify is None or bool(self._reasons)

    def sees_every_save(self, folder: str) -> bool:
        """Return whether inotify has seen every save in `folder`."""
        return self._inotify is not None and folder in self._inotify and not self._mounts.silent(folder)

    async def start(self) -> None:
        """Watch the roots, and the folders that are attended by now."""
        roots = self._filters.roots
        self._open_inotify()
        self._mounts = read_mounts()
        folders = await self._off_loop(lambda: list(walk(roots, self._filters, self._enter)))
        for folder in sorted(self._filters.folders):
            self._enter(folder)
        if self._inotify is not None:
            self._loop.add_reader(self._inotify.fileno(), self._sink.wake)
        self._started = True
        if self._unwatched:
            self._reasons[NO_WATCH] = None
            self._unwatched.clear()
        if self._reasons:
            await self._poll()
        if not self._poll_all and NO_INSTANCE not in self._reasons and NO_WATCH not in self._reasons:
            await self._start_watchdog(self._schedules(folders))

    def _open_inotify(self) -> None:
        if self._poll_all:
            self._reasons[ASKED] = None
            return
        try:
            self._inotify = Inotify()
        except OSError as error:
            if error.errno != errno.ENOSYS:  # no inotify: watchdog gets the system's own events
                self._reasons[NO_INSTANCE] = None

    async def _start_watchdog(self, schedules: list[Schedule]) -> None:
        try:
            observing = self._native = native(self._sink.on_seen, self._matters)
        except OSError:  # a limit: inotify does without watchdog
            return
        await self._off_loop(lambda: observing.start(schedules))

    def _enter(self, folder: str) -> None:
        if kind := self._mounts.silent(folder):
            self._reasons[f"a {kind} mount reports no changes"] = None
        if self._inotify is None or NO_WATCH in self._reasons:
            return
        try:
            self._inotify.add(folder)
        except OSError:
            self._unwatched.append(folder)

    def add(self, folder: str) -> None:
        """Watch the folder of an attended file, wherever it lies."""
        if not self._started or self._filters.is_reached(folder):
            return
        self._enter(folder)
        self._after_entering()
        if observing := self._native if self.sees_every_save(folder) else self._polling:
            schedule = Schedule(folder, recursive=False)
            self._tasks.start(self._off_loop(lambda: observing.add(schedule)))

    def _after_entering(self) -> None:
        if self._unwatched and not self._freeing:
            self._freeing = True
            self._tasks.start(self._free_watches())
        elif self._reasons and self._polling is None:
            self._tasks.start(self._poll())

    async def _free_watches(self) -> None:
        """At the limit of watches: free those of watchdog for inotify; if they are too few, poll."""
        if self._native is not None:
            observing, self._native = self._native, None
            await self._off_loop(observing.stop)
            folders, self._unwatched = self._unwatched, []
            for folder in folders:
                self._enter(folder)
                self._new_folders.add(folder)
        self._freeing = False
        folders, self._unwatched = self._unwatched, []
        if folders:
            self._reasons[NO_WATCH] = None
            await self._poll()
        for folder in folders:  # files may have appeared in it before the first poll
            self._new_folders.add(folder)
        self._sink.wake()

    async def _poll(self) -> None:
        if self._polling is not None:
            return
        remark = f"Polling for changes every {POLL_EVERY:g} s: {', '.join(self._reasons)}."
        if remark != self._last_remark:
            self._last_remark = remark
            self._sink.remark("info", remark)
        observing = self._polling = polling(
            self._sink.on_seen, self._matters, self._is_polled, self._filters.links
        )
        schedules = [Schedule(root, recursive=True) for root in self._filters.roots]
        for folder in sorted(self._filters.folders):
            if not self.sees_every_save(folder) and not self._filters.is_reached(folder):
                schedules.append(Schedule(folder, recursive=False))
        await self._off_loop(lambda: observing.start(schedules))
        # Saves that were missed before polling began.
        self._sink.on_seen(dict.fromkeys(self._filters.attended, Kind.DONE))

    def _is_polled(self, entry: os.DirEntry[str]) -> bool:
        if entry.is_dir(follow_symlinks=False):
            return is_kept(entry.path, self._filters)
        # All Python files: one that begins to matter later would look newly created.
        wanted = entry.name.endswith(".py") or self._matters(entry.path)
        return wanted and not self.sees_every_save(os.path.dirname(entry.path))

    def _matters(self, path: str) -> bool:
        return self._filters.interest(path) is not Interest.NONE or self._filters.is_asset(path)

    def drain(self) -> None:
        """Handle every event that the kernel has by now. Costs about a microsecond if there is none."""
        inotify = self._inotify
        if inotify is None or not self._started:
            return
        for _ in range(MOST_READS):
            if not (data := inotify.read()):
                break
            self.take(data)
        else:
            self._loop.call_soon(self._sink.wake)
        if self._new_folders or self._unwatched:
            self._grow()

    def take(self, data: bytes) -> None:
        """Handle events in the kernel's format."""
        if self._inotify is not None:
            for fact in self._inotify.facts(data):
                self._take(fact)

    def _take(self, fact: Fact) -> None:
        match fact:
            case Touched(path, kind):
                folder, _, name = path.rpartition(os.sep)
                if name == VENV_MARK and not is_kept(folder, self._filters) and self._inotify is not None:
                    self._inotify.leave(folder)
                self._sink.touched(path, kind)
            case FolderCame(path):
                self._new_folders.add(path)
            case FolderLeft(path):
                self._sink.folder_left(path)
            case Overflowed():
                self._new_folders.add_roots()
                self._sink.overflowed()
            case _:
                assert_never(fact)

    def _grow(self) -> None:
        """Watch new folders, and report their files."""
        if self._new_folders.report_some(self._sink.touched):
            self._loop.call_soon(self._sink.wake)
        self._after_entering()

    def _schedules(self, folders: Sequence[Folder]) -> list[Schedule]:
        """Return watchdog's schedules; without inotify it watches everything."""
        roots = self._filters.roots
        if self._inotify is None:
            return [Schedule(root, recursive=True) for root in roots]
        found = [
            plan(root, [each for each in folders if each.path == root or each.path.startswith(root + os.sep)])
            for root in roots
        ]
        return list(dict.fromkeys(each for schedules in found for each in schedules))

    def tops(self) -> list[str]:
        """Return the topmost watched folders: the roots, and attended folders outside them."""
        outside = (folder for folder in self._filters.folders if not self._filters.is_reached(folder))
        return [*self._filters.roots, *outside]

    def renew(self, top: str) -> None:
        """Watch a topmost folder again: the folder at its path is another one now."""
        if self._inotify is not None:
            self._inotify.leave(top)
        self._new_folders.add(top)
        self._tasks.start(self._renew_observers())
        self._sink.wake()

    async def _renew_observers(self) -> None:
        filters = self._filters
        if self._native is not None:
            native, self._native = self._native, None
            await self._off_loop(native.stop)
            folders = await self._off_loop(lambda: list(walk(filters.roots, filters, _nothing)))
            await self._start_watchdog(self._schedules(folders))
        if self._polling is not None:
            polling, self._polling = self._polling, None
            await self._off_loop(polling.stop)
            await self._poll()

    async def close(self) -> None:
        """Stop watching; the observers' threads have ended when it returns."""
        await self._tasks.cancel()
        if self._inotify is not None:
            self._loop.remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None
        for observing in (self._native, self._polling):
            if observing is not None:
                await self._off_loop(observing.stop)


def _nothing(_folder: str) -> None:
    pass
