"""A job for the app, which runs on one Worker at a time: a request or a WebSocket.

Law: the state of a client outlives its runs. Reports of a run that was left are ignored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from devserver.ipc.messages import Detach, StreamMessage, ToWorker
from devserver.master.dispatch.queue import ServedBy
from devserver.master.dispatch.worker import Worker
from devserver.master.http.pages.answers import Answer
from devserver.master.http.scope import accepted

Scope = dict[str, Any]

WINDOW = 256 * 1024
"""Bytes of a body, or of messages, that one side may send before the other has taken some."""


class AppJob(ABC):
    """The Dispatcher starts it, once for each run. `number` is the job number of the run in hand, 0 for none.

    `stamp` is the newest edit at its arrival.
    """

    kind: ServedBy = "app"

    def __init__(self, scope: Scope, stamp: int) -> None:
        self.scope = scope
        self.stamp = stamp
        self.queued = False
        self.worker: Worker | None = None
        """The Worker of the newest run."""
        self.generation = 0
        """The code of the newest run, 0 before the first."""
        self.number = 0
        self.runs = 0
        """How many runs have started."""
        self.client_gone = False
        """The client has left; the app was notified, and may run on."""

    @property
    def accept(self) -> bytes:
        """Return the Accept header."""
        return accepted(self.scope)

    @property
    @abstractmethod
    def name(self) -> str:
        """Return its name in reports."""

    @property
    @abstractmethod
    def waits(self) -> bool:
        """Return whether its client waits for a Worker."""

    # admission

    @abstractmethod
    def answer(self, answer: Answer) -> None:
        """Give the client this answer instead of the app's."""

    @abstractmethod
    def without_app(self) -> None:
        """The live code has no app."""

    # the runs

    @abstractmethod
    def startable(self) -> bool: ...

    def start(self, worker: Worker, number: int) -> None:
        self.worker, self.number, self.generation = worker, number, worker.generation
        self.runs += 1
        self.open_run(number)

    @abstractmethod
    def open_run(self, number: int) -> None:
        """Send the Worker the order to run the app."""

    def send(self, message: ToWorker) -> None:
        """Send to the Worker of the run in hand; nothing once the run has ended or was left."""
        if self.number and self.worker is not None:
            self.worker.link.send(message)

    @abstractmethod
    def on_message(self, message: StreamMessage) -> None:
        """Handle a message of a run's Worker; the run may have been left."""

    def on_worker_died(self, worker: Worker, number: int, reason: str) -> None:
        if number == self.number:
            self.number = 0
            self.on_run_lost(f"worker {worker.id} died: {reason}")

    @abstractmethod
    def on_run_lost(self, reason: str) -> None:
        """The Worker with the run in hand has died."""

    def on_code_live(self, generation: int) -> None:
        """Newer code is live: move, or leave an older run whose client has left."""
        if not self.client_gone:
            self.move(generation)
        elif self.generation < generation:
            self.leave_run()

    @abstractmethod
    def move(self, generation: int) -> None:
        """Go on with newer code, if it is a WebSocket or an event stream."""

    def leave_run(self) -> None:
        """Detach from the run in hand."""
        self.send(Detach(self.number))
        self.number = 0

    def status_of_failure(self, number: int) -> int:
        """Return the status of the client's answer after the app's error in that run, 0 for none."""
        return 0
