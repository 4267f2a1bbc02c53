"""A Worker's link to a Master that is not there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from devserver.ipc.messages import FromWorker
from devserver.worker.run.master_link import MasterLink


class Link(Protocol):
    """What the parts of a Worker ask of their link."""

    forked: bool

    def send(self, message: FromWorker) -> None: ...

    def answer(self, message: FromWorker) -> None: ...

    def queue(self, message: FromWorker) -> None: ...

    def wait(self, done: Callable[[], bool]) -> None: ...

    def blocks(self) -> bool: ...


class FakeMasterLink:
    """Keeps what is sent; who has to wait is given room by `grants`."""

    def __init__(self, *, blocks: bool = False) -> None:
        self.forked = False
        self.lock = threading.RLock()
        self.sent: list[Any] = []
        self.grants: list[Callable[[], None]] = []
        self._blocks = blocks

    def send(self, message: Any) -> None:
        self.sent.append(message)

    def answer(self, message: Any) -> None:
        self.send(message)

    def queue(self, message: Any) -> None:
        self.send(message)

    def wait(self, done: Callable[[], bool]) -> None:
        while not done():
            self.grants.pop(0)()

    def blocks(self) -> bool:
        return self._blocks


if TYPE_CHECKING:  # mypy holds both to what is asked of either
    _kinds: tuple[type[Link], ...] = (MasterLink, FakeMasterLink)
