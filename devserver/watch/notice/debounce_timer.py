"""A timer for the edits of a debouncer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from devserver.watch.notice.debounce import Debouncer


class DebounceTimer:
    """Calls `on_time` each time that an edit of the debouncer is due."""

    def __init__(
        self, debouncer: Debouncer, on_time: Callable[[], None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._debouncer = debouncer
        self._on_time = on_time
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def arm(self) -> None:
        """Set the timer again, because an event has come or an edit was read."""
        self._cancel()
        deadline = self._debouncer.deadline()
        if deadline is not None and not self._closed:
            self._timer = self._loop.call_later(max(0.0, deadline - time.monotonic()), self._fire)

    def close(self) -> None:
        """Stop: nothing more is called."""
        self._closed = True
        self._cancel()

    def _fire(self) -> None:
        self._timer = None
        self._on_time()
        self.arm()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
