"""Tells the Master which own files this Worker uses that were in its snapshot already.

Law: what runs is known to the Master, however it got into the snapshot. Nothing is sent while nothing new is
imported.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from devserver.errors import ConnectionGone
from devserver.wire.messages import Used
from devserver.worker.lane import Lane


class Usage:
    """Collects paths; they leave with `tell`, and once a loop is `followed`, at the end of its turn."""

    def __init__(self, lane: Lane, worker: int, generation: int) -> None:
        self._lane = lane
        self._worker, self._generation = worker, generation
        self._fresh: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def note(self, path: str) -> None:
        """A file is used, for the first time. From any thread."""
        self._fresh.append(path)
        if self._loop is not None and len(self._fresh) == 1 and not self._lane.forked:
            with suppress(RuntimeError):  # it is closed: the Worker leaves
                self._loop.call_soon_threadsafe(self.tell)

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on tell by yourself, on this loop."""
        self._loop = loop

    def tell(self) -> None:
        """Send what is new, if anything is."""
        fresh, self._fresh = self._fresh, []
        if fresh:
            with suppress(ConnectionGone):  # a child of the app's imports something of its own
                self._lane.send(Used(self._worker, self._generation, tuple(fresh)))
