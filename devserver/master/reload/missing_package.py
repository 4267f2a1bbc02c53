"""Retries refused code that lacks a package, after each installation.

Law: folders are read only while a package is missing. An installation is over once the folders are quiet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EVERY = 0.5
"""Seconds between two checks of the folders' times, which take microseconds on every file system."""


class MissingPackage:
    """`look` returns a value that an installation changes; `retry` is called after each one, until `end`."""

    def __init__(
        self, look: Callable[[], object], retry: Callable[[], None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._look = look
        self._retry = retry
        self._loop = loop
        self._seen: object = None
        self._stirred = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begin to check for installations, because a package is missing."""
        if self._timer is None:
            self._seen, self._stirred = self._look(), False
            self._timer = self._loop.call_later(EVERY, self._on_time)

    def end(self) -> None:
        """Stop checking: no package is missing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        self._timer = self._loop.call_later(EVERY, self._on_time)
        found = self._look()
        quiet, self._seen = found == self._seen, found
        if quiet and self._stirred:
            self._retry()
        self._stirred = not quiet
