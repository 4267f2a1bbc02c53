"""The Workers' terminals: their output, keys typed into them, and their prompts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from devserver.common import events
from devserver.common.events import Event
from devserver.master.dispatch.worker import Worker
from devserver.master.terminal.prompts import PromptChanged, Prompts


class Terminals:
    """`workers` are all living ones; `report` takes each PromptChanged. `margin`: see Configure."""

    def __init__(
        self,
        workers: Mapping[int, Worker],
        emit: Callable[[Event], None],
        report: Callable[[PromptChanged], None],
        margin: int = 0,
    ) -> None:
        self._workers = workers
        self._margin = margin
        self._lent: set[int] = set()
        """Workers that have the user's terminal, and so its size."""
        self._emit = emit
        self._paused = False
        self.prompts = Prompts(workers, report)

    def on_added(self, worker: Worker) -> None:
        """A Worker was forked."""
        if self._paused:
            worker.pause_output(True)

    def on_printed(self, worker: Worker, text: str) -> None:
        """A Worker has printed `text`."""
        self._emit(events.Output(worker=worker.id, text=text))
        if worker.id in self._workers:
            self.prompts.on_printed(worker, text)

    def pause_output(self, paused: bool) -> None:
        """Pause or resume reading the app's output."""
        if paused != self._paused:
            self._paused = paused
            for worker in self._workers.values():
                worker.pause_output(paused)

    def type(self, number: int, keys: bytes) -> None:
        """Write keys to the terminal of a Worker, if it still lives."""
        if worker := self._workers.get(number):
            worker.type(keys)

    def resize(self, number: int, columns: int, rows: int) -> None:
        """Set the size of a Worker's terminal, because the Worker has the user's terminal; 0 columns: no
        longer.
        """
        worker = self._workers.get(number)
        if worker is None or not columns:
            self._lent.discard(number)
        if worker is None:
            return
        if columns:
            self._lent.add(number)
            worker.resize(columns, rows)
        elif size := own_size():
            self._fit(worker, size)

    def on_resized(self) -> None:
        """The size of the user's terminal has changed."""
        size = own_size()
        self._lent &= self._workers.keys()
        for number, worker in self._workers.items():
            if size and number not in self._lent:
                self._fit(worker, size)

    def _fit(self, worker: Worker, size: os.terminal_size) -> None:
        worker.resize(max(1, size.columns - self._margin), size.lines)


def own_size() -> os.terminal_size | None:
    """Return the size of this process's terminal, None without a terminal or a size."""
    for fd in (1, 0, 2):
        with suppress(OSError):
            size = os.get_terminal_size(fd)
            return size if size.columns else None
    return None
