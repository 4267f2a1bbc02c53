"""One run of the app for one client: the unit of work that a Worker has in hand.

Law: what belongs to a client outlives its streams; what a stream that was left behind still says is ignored.
"""

from __future__ import annotations

from typing import Protocol

from devserver.ipc.messages import StreamNews, ToWorker
from devserver.master.dispatch.queue import JobKind
from devserver.master.dispatch.worker import Worker

WINDOW = 256 * 1024
"""Bytes of a body, or of messages, that one side may send before the other has taken some."""


class Owner(Protocol):
    """Whose stream it is."""

    def startable(self) -> bool:
        """Tell whether the client still waits."""

    def begin(self, stream: Stream) -> None:
        """The stream has a Worker: open it there."""

    def heard(self, stream: Stream, message: StreamNews) -> None:
        """The Worker says something."""

    def lost(self, stream: Stream, reason: str) -> None:
        """The Worker is dead."""


class Stream:
    """Waits for a Worker, then runs on it until Closed; `running` is false before and after."""

    __slots__ = ("number", "owner", "queued", "running", "worker")

    kind: JobKind = "app"

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.queued = False
        self.number = 0
        self.running = False
        self.worker: Worker

    def startable(self) -> bool:
        return self.owner.startable()

    def start(self, worker: Worker, number: int) -> None:
        self.worker, self.number, self.running = worker, number, True
        self.owner.begin(self)

    def on_worker_died(self, worker: Worker, reason: str) -> None:
        self.running = False
        self.owner.lost(self, f"worker {worker.id} died: {reason}")

    def send(self, message: ToWorker) -> None:
        """Tell the Worker; nothing once the stream has ended."""
        if self.running:
            self.worker.link.send(message)
