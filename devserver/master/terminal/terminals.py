"""The Workers' terminals: what they print, what is typed into them, and which is at a prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from devserver.common import events
from devserver.common.events import Event
from devserver.master.dispatch.worker import Worker
from devserver.master.terminal.prompts import PromptChanged, Prompts


class Terminals:
    """`workers` are all that live; `report` takes each PromptChanged."""

    def __init__(
        self,
        workers: Mapping[int, Worker],
        emit: Callable[[Event], None],
        report: Callable[[PromptChanged], None],
    ) -> None:
        self._workers = workers
        self._emit = emit
        self._paused = False
        self.prompts = Prompts(workers, report)

    def on_added(self, worker: Worker) -> None:
        """A Worker was forked."""
        if self._paused:
            worker.pause_output(True)

    def on_printed(self, worker: Worker, text: str) -> None:
        """A Worker has printed this."""
        self._emit(events.Output(worker=worker.id, text=text))
        if worker.id in self._workers:
            self.prompts.on_printed(worker, text)

    def pause_output(self, paused: bool) -> None:
        """Pause or resume reading what the app prints into its terminals."""
        if paused != self._paused:
            self._paused = paused
            for worker in self._workers.values():
                worker.pause_output(paused)

    def type(self, number: int, keys: bytes) -> None:
        """Put keys into the terminal of a Worker, if it still lives."""
        if worker := self._workers.get(number):
            worker.type(keys)

    def resize(self, number: int, columns: int, rows: int) -> None:
        """Give the terminal of a Worker the size of the user's."""
        if worker := self._workers.get(number):
            worker.resize(columns, rows)
