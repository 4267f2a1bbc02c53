"""Reports the load of Workers and connections: on change only, and at most 8 times a second."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from devserver.common import events
from devserver.common.events import Event
from devserver.master.dispatch.dispatcher import Dispatcher

INTERVAL = 0.125
PAGE = os.sysconf("SC_PAGE_SIZE")


class LoadReport:
    """Emits WorkerLoad and Connections for the changes since the last report."""

    def __init__(
        self,
        emit: Callable[[Event], None],
        dispatcher: Dispatcher,
        open_connections: Callable[[], int],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._emit = emit
        self._dispatcher = dispatcher
        self._open_connections = open_connections
        self._loop = loop
        self._due: asyncio.TimerHandle | None = None
        self._loads: dict[int, tuple[int, int]] = {}
        self._connections = (0, 0)

    def touch(self) -> None:
        """Report a change soon."""
        if self._due is None:
            self._due = self._loop.call_later(INTERVAL, self._report)

    def close(self) -> None:
        """Stop: nothing more is reported."""
        if self._due is not None:
            self._due.cancel()

    def _report(self) -> None:
        self._due = None
        workers, loads = self._dispatcher.workers, self._dispatcher.loads()
        for worker, load in loads.items():
            if self._loads.get(worker) != load:
                memory = _resident(workers[worker].pid)
                self._emit(events.WorkerLoad(worker=worker, running=load[0], handled=load[1], memory=memory))
        self._loads = loads
        connections = (self._open_connections(), self._dispatcher.waiting)
        if connections != self._connections:
            self._connections = connections
            self._emit(events.Connections(open=connections[0], waiting=connections[1]))


def _resident(pid: int) -> int:
    """Return the resident memory of a process in bytes, 0 if it is unknown."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0
