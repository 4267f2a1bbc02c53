"""Reports the own files that this Worker uses: the snapshot's, and those that the app runs by path.

Law: the Master knows every own file that runs, however it was loaded. Nothing is sent unless there is news.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from devserver.common.errors import ConnectionGone
from devserver.ipc.messages import Opened, OpenedFile, Used
from devserver.worker.run.master_link import MasterLink


class UsedFiles:
    """Collects paths; sends them on `report`, and at the end of each turn of the loop that it follows."""

    def __init__(self, link: MasterLink) -> None:
        self._link = link
        self._paths: list[str] = []
        self._opened: Callable[[], tuple[OpenedFile, ...]] = tuple
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = False

    def note(self, path: str) -> None:
        """Record the first use of a file of the snapshot. Call it from any thread."""
        self._paths.append(path)
        self.wake()

    def renew(self, paths: Iterable[str]) -> None:
        """In a copy: it uses all of these, and has reported none of them."""
        self._paths = list(paths)

    def include(self, opened: Callable[[], tuple[OpenedFile, ...]]) -> None:
        """Also report the files that `opened` returns; `wake` signals new ones."""
        self._opened = opened

    def wake(self) -> None:
        """Schedule a report. Call it from any thread."""
        if self._loop is not None and not self._due and not self._link.forked:
            self._due = True
            with suppress(RuntimeError):  # the loop is closed: the Worker exits
                self._loop.call_soon_threadsafe(self.report)

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on, report at the end of each turn of this loop."""
        self._loop = loop

    def report(self) -> None:
        """Send the new files, if there are any."""
        self._due = False
        paths, self._paths = self._paths, []
        opened = self._opened()
        with suppress(ConnectionGone):  # a child process of the app imports something
            if paths:
                self._link.send(Used(self._link.worker, self._link.generation, tuple(paths)))
            if opened:
                self._link.send(Opened(self._link.worker, self._link.generation, opened))
