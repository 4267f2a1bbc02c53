"""The only user of watchdog: its observers, native or polling, beside inotify or alone.

Law: the number of threads is bounded, whatever the tree is like. An event only means that a file is worth a
read.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.polling import PollingObserverVFS

from devserver.watch.notice.debounce import Kind
from devserver.watch.scope.tree import Folder

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

MOST_SCHEDULES = 16
"""Each costs a thread. Beyond them there is inotify alone."""
POLL_EVERY = 0.5

OnSeen = Callable[[dict[str, Kind]], None]
"""Called in watchdog's thread with the files that are worth a read."""

_FILTER: list[type[FileSystemEvent]] = [
    FileModifiedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileDeletedEvent,
]
"""Not opens and reads: with these, an import of the app would wake the Master for each file."""


class Schedule(Struct, frozen=True):
    path: str
    recursive: bool


def plan(root: str, folders: Iterable[Folder], most: int = MOST_SCHEDULES) -> list[Schedule]:
    """Cover a tree with at most `most` schedules, nearest to the root first, without ignored folders.

    A subtree in which nothing is ignored takes one schedule, another one for its top and those of its
    subfolders.
    """
    known = {folder.path: folder for folder in folders}
    dirty = {path for path, folder in known.items() if not folder.clean}
    for path in list(dirty):
        while path != root and (path := os.path.dirname(path)) not in dirty:
            dirty.add(path)
    return [
        Schedule(path, recursive=path not in dirty)
        for path in known
        if path in dirty or path == root or os.path.dirname(path) in dirty
    ][:most]


class Observing:
    """One observer of watchdog. `start`, `add` and `stop` may wait for the disk and for threads."""

    def __init__(self, observer: BaseObserver, on_seen: OnSeen, matters: Callable[[str], bool]) -> None:
        self._observer = observer
        self._handler = _Handler(on_seen, matters)
        self._scheduled: set[str] = set()

    def start(self, schedules: Sequence[Schedule]) -> None:
        """Watch as planned. A folder that cannot be watched (gone, or a limit reached) is left out."""
        self._observer.start()
        for schedule in schedules:
            self.add(schedule)

    def add(self, schedule: Schedule) -> None:
        """Watch one more folder, within the bound on threads."""
        if schedule.path in self._scheduled or len(self._scheduled) >= MOST_SCHEDULES:
            return
        with contextlib.suppress(OSError):
            self._observer.schedule(
                self._handler, schedule.path, recursive=schedule.recursive, event_filter=_FILTER
            )
            self._scheduled.add(schedule.path)

    def stop(self) -> None:
        """End the observer's threads and wait for them."""
        self._observer.stop()
        with contextlib.suppress(RuntimeError):  # it was never started
            self._observer.join()


def native(on_seen: OnSeen, matters: Callable[[str], bool]) -> Observing:
    """Return an observer of the system's own events. Raises OSError where a limit is reached."""
    _hush()
    return Observing(Observer(), on_seen, matters)


def polling(
    on_seen: OnSeen,
    matters: Callable[[str], bool],
    keeps: Callable[[os.DirEntry[str]], bool],
    links: Container[str] = (),
    every: float = POLL_EVERY,
) -> Observing:
    """Return an observer that polls those folders and files for which `keeps` returns true."""

    def listdir(path: str | None) -> Iterator[os.DirEntry[str]]:
        with os.scandir(path) as listing:
            return iter([entry for entry in listing if keeps(entry)])

    def stat(path: str) -> os.stat_result:
        return os.lstat(path) if path in links else os.stat(path)

    return Observing(PollingObserverVFS(stat, listdir, polling_interval=every), on_seen, matters)


def _hush() -> None:
    """Keep watchdog's own log off the terminal; inotify reports lost events."""
    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
    logger = logging.getLogger("watchdog")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


class _Handler(FileSystemEventHandler):
    """Forwards the files that matter."""

    def __init__(self, on_seen: OnSeen, matters: Callable[[str], bool]) -> None:
        self._on_seen = on_seen
        self._matters = matters

    def on_any_event(self, event: FileSystemEvent) -> None:
        seen = {path: kind for path, kind in _touched(event) if self._matters(path)}
        if seen:
            self._on_seen(seen)


def _touched(event: FileSystemEvent) -> Iterator[tuple[str, Kind]]:
    path = os.fsdecode(event.src_path)
    match event:
        case FileMovedEvent():
            yield path, Kind.GONE
            yield os.fsdecode(event.dest_path), Kind.DONE
        case FileClosedEvent():
            yield path, Kind.DONE
        case FileCreatedEvent() | FileModifiedEvent():
            yield path, Kind.OPEN
        case FileDeletedEvent():
            yield path, Kind.GONE
