"""Tells how busy everything is: on change only, and at most 8 times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from devserver import events
from devserver.events import Event
from devserver.master.switchboard import Switchboard

INTERVAL = 0.125
PAGE = 4096


class Figures:
    """Emits WorkerLoad and Connections for what differs from the last time."""

    def __init__(self, emit: Callable[[Event], None], loop: asyncio.AbstractEventLoop) -> None:
        self._emit = emit
        self._loop = loop
        self._due: asyncio.TimerHandle | None = None
        self._loads: dict[int, tuple[int, int]] = {}
        self._connections = (0, 0)
        self.board: Switchboard | None = None

    def touch(self) -> None:
        """Something has changed: tell soon."""
        if self._due is None:
            self._due = self._loop.call_later(INTERVAL, self._tell)

    def close(self) -> None:
        """Tell nothing more."""
        if self._due is not None:
            self._due.cancel()

    def _tell(self) -> None:
        self._due = None
        if self.board is None:
            return
        loads = {w.id: (w.seat.running, w.seat.handled) for w in self.board.workers.values() if w.seat.ready}
        for worker, load in loads.items():
            if self._loads.get(worker) != load:
                memory = _resident(self.board.workers[worker].pid)
                self._emit(events.WorkerLoad(worker=worker, running=load[0], handled=load[1], memory=memory))
        self._loads = loads
        connections = (
            sum(connection.open for connection in self.board.connections.values()),
            len(self.board.dispatch.waiting),
        )
        if connections != self._connections:
            self._connections = connections
            self._emit(events.Connections(open=connections[0], waiting=connections[1]))


def _resident(pid: int) -> int:
    """Return the resident memory of a process in bytes, 0 if it cannot be known."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0
