"""Reports which own files this Worker uses: those of its snapshot, and those that the app runs by path.

Law: what runs is known to the Master, however it came here. Nothing is sent while nothing new is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from devserver.common.errors import ConnectionGone
from devserver.ipc.messages import Opened, OpenedFile, Used
from devserver.worker.run.master_link import MasterLink


class UsedFiles:
    """Collects; what there is leaves with `tell`, and once a loop is `followed`, at the end of its turn."""

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
        """In a copy: it uses all of these, and none was reported yet."""
        self._paths = list(paths)

    def include(self, opened: Callable[[], tuple[OpenedFile, ...]]) -> None:
        """Report what this returns, too; `wake` signals that it has something."""
        self._opened = opened

    def wake(self) -> None:
        """Schedule a report. Call it from any thread."""
        if self._loop is not None and not self._due and not self._link.forked:
            self._due = True
            with suppress(RuntimeError):  # it is closed: the Worker leaves
                self._loop.call_soon_threadsafe(self.tell)

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on report on this loop by itself."""
        self._loop = loop

    def tell(self) -> None:
        """Send what is new, if anything is."""
        self._due = False
        paths, self._paths = self._paths, []
        opened = self._opened()
        with suppress(ConnectionGone):  # a child of the app's imports something of its own
            if paths:
                self._link.send(Used(self._link.worker, self._link.generation, tuple(paths)))
            if opened:
                self._link.send(Opened(self._link.worker, self._link.generation, opened))
