"""Workers whose Manager has died: they serve on, and leave when they are idle.

Law: an orphan is told to leave over its link and gets its time; only past that it is ended, by its pidfd.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import Worker
from devserver.master.supervision.manager import Manager

LAST_WARNING = 1.0
"""Seconds between SIGTERM and SIGKILL."""


class Orphans:
    """`retire` gives a Worker nothing more and tells it to leave once it has nothing in hand."""

    def __init__(self, dispatcher: Dispatcher, retire: Callable[[Worker], None], drain: float) -> None:
        self._dispatcher = dispatcher
        self._retire = retire
        self._drain = drain
        self._loop = asyncio.get_running_loop()

    @property
    def all(self) -> list[Worker]:
        """Return those that have not ended yet."""
        return [worker for worker in self._dispatcher.workers.values() if worker.orphan]

    def adopt(self, manager: Manager, live: int) -> None:
        """A Manager has died: its Workers are orphans. A boot begins anew under the next Manager."""
        for worker in list(self._dispatcher.workers.values()):
            if worker.orphan or worker.manager is not manager:
                continue
            worker.adopt()
            if worker.generation != live and not worker.ready:
                self.end(worker)
            elif worker.generation < live:
                self.retire(worker, self._drain)

    def relieve(self) -> None:
        """Have all of them leave: others do their work, or will."""
        for worker in self.all:
            if not self._dispatcher.is_retired(worker):
                self.retire(worker, self._drain)

    def retire(self, worker: Worker, patience: float) -> None:
        """Let an orphan finish what it has, within `patience` seconds."""
        self._retire(worker)
        self._loop.call_later(patience, self.end, worker)

    def stop(self, patience: float) -> None:
        """Have all of them leave within `patience` seconds; 0: at once."""
        for worker in self.all:
            if patience > 0:
                self.retire(worker, patience)
            else:
                worker.signal(signal.SIGKILL)

    def end(self, worker: Worker) -> None:
        """End a Worker that has had its time, or that nobody can reach."""
        self._dispatcher.retire(worker)
        worker.signal(signal.SIGTERM)
        self._loop.call_later(LAST_WARNING, worker.signal, signal.SIGKILL)
