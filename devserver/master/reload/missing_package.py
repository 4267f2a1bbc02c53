"""Tries again once something was installed, while code is refused for want of a package.

Law: nothing is looked at while nothing is wanting; an installation is over when the folders have been quiet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EVERY = 0.5
"""Seconds between two looks: a folder's time tells, on every file system, and costs microseconds."""


class MissingPackage:
    """`look` returns what differs after an installation; `retry` is called after each, until the `end`."""

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
        """A package is wanting."""
        if self._timer is None:
            self._seen, self._stirred = self._look(), False
            self._timer = self._loop.call_later(EVERY, self._on_time)

    def end(self) -> None:
        """Nothing is wanting any more."""
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
