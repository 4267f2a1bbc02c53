"""Reports answered requests, several in one event: an event for each would slow all of them.

Law: `count` and `failed` are exact. The requests that an event lists are bounded, failures first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from devserver.common.events import Event, Request, Requests

PAUSE = 0.1
"""Seconds from one event to the next under load."""
FIRST = 0.005
"""Seconds from a request to its event after a quiet time: its output and its line appear together."""
MOST_SHOWN = 25
"""Requests that an event lists one by one; as many failed ones may be added."""
LONGEST = 2_000
"""Characters of a path with its query."""


class RequestLog:
    """One per Master."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._requests: list[Request] = []
        self._count = 0
        self._failed = 0
        self._stopping = False
        self._flushed_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Report each request at once from now on: the server stops."""
        self._stopping = True
        self.flush()

    def add(self, status: int, describe: Callable[[int], Request]) -> None:
        """Report a request soon, in the order of the calls. `describe` is called if the event lists it."""
        self._count += 1
        failed = status >= 500
        self._failed += failed
        if len(self._requests) < MOST_SHOWN * (1 + failed):
            self._requests.append(describe(status))
        if self._timer is None:
            self._timer = self._loop.call_at(self._due(), self.flush)

    def _due(self) -> float:
        now = self._loop.time()
        return now if self._stopping else max(now + FIRST, self._flushed_at + PAUSE)

    def flush(self) -> None:
        """Report what was added so far."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._count:
            self._flushed_at = self._loop.time()
            self._emit(Requests(count=self._count, failed=self._failed, requests=tuple(self._requests)))
            self._requests.clear()
            self._count = self._failed = 0


def full_path(path: str, query: bytes) -> str:
    """Return a path with its query, truncated to LONGEST."""
    whole = f"{path}?{query.decode('latin-1')}" if query else path
    return whole if len(whole) <= LONGEST else f"{whole[:LONGEST]}…"
