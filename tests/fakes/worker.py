"""A Worker without a process, as the Master knows it: it keeps what it is sent."""

from __future__ import annotations

from typing import Any, TypeVar

from devserver.ipc.messages import Open
from devserver.master.dispatch.queue import ServedBy

M = TypeVar("M")


class FakeWorkerLink:
    """Keeps the messages that are sent over it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.unsent = 0

    def send(self, message: Any) -> None:
        self.sent.append(message)


class FakeWorker:
    """Ready for the app's jobs: at most `capacity` at a time, or any number if that is 0."""

    def __init__(self, number: int, generation: int, capacity: int = 0) -> None:
        self.id = number
        self.generation = generation
        self.slot = number
        self.pid = 1000 + number
        self.capacity: dict[ServedBy, int] = {"handlers": 1, "app": capacity}
        self.link = FakeWorkerLink()

    def received(self, kind: type[M]) -> list[M]:
        """Return the messages of this kind that it was sent."""
        return [message for message in self.link.sent if isinstance(message, kind)]

    @property
    def opened(self) -> Open:
        """Return the newest order to run the app."""
        return self.received(Open)[-1]
