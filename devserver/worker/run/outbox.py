"""Messages of the app to one connection: in order, within the window that the Master grants.

Laws: no byte beyond the window leaves the Worker. Messages leave whole, in the order in which threads put
them in. A long message leaves in parts, and no other message of this Worker comes between them.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from devserver.ipc.messages import Close, Send

CHUNK = 256 * 1024
"""The longest part of a message, in bytes."""


class Link(Protocol):
    """What an outbox needs of the link."""

    @property
    def lock(self) -> AbstractContextManager[object]:
        """Guards every outbox of the Worker; re-entrant."""

    def send(self, message: Send | Close) -> None:
        """Send at once, from any thread."""

    def wait(self, done: Callable[[], bool]) -> None:
        """Block until `done`, and handle the Master's messages meanwhile. Raises ConnectionGone."""

    def blocks(self) -> bool:
        """Return whether the caller may block: a sync handler or a thread, not a coroutine."""


class Outbox:
    """`credit` is how many bytes may leave now."""

    def __init__(self, connection: int, credit: int, link: Link) -> None:
        self.connection = connection
        self.credit = credit
        self._link = link
        self._queue: deque[bytes | memoryview | None] = deque()
        """None closes the connection."""
        self._put = 0
        self._out = 0
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    def send(self, data: bytes) -> None:
        """Send `data`. If the credit is used up, a coroutine's data is queued; any other caller blocks."""
        self._enqueue(data)

    def close(self) -> None:
        """Close the connection after everything that was sent before."""
        self._enqueue(None)

    def renew(self, credit: int) -> None:
        """Start a job: its window replaces the rest of the last job's."""
        with self._link.lock:
            self.credit = credit
            self._pump()

    def grant(self, size: int) -> None:
        """Allow `size` more bytes to leave."""
        with self._link.lock:
            self.credit += size
            self._pump()

    def release(self) -> None:
        """Stop holding messages: the Master is gone."""
        self.grant(sys.maxsize)

    @property
    def unsent(self) -> bool:
        """Return whether a message waits for credit."""
        return bool(self._queue)

    async def drained(self) -> None:
        """Return once everything that was sent up to now has left the Worker."""
        with self._link.lock:
            if not self._queue:
                return
            future = asyncio.get_running_loop().create_future()
            self._waiters.append((self._put, future))
        await future

    def _enqueue(self, entry: bytes | None) -> None:
        with self._link.lock:
            self._queue.append(entry)
            self._put += 1
            mark = self._put
            self._pump()
        if self._out < mark and self._link.blocks():
            self._link.wait(lambda: self._out >= mark)

    def _pump(self) -> None:
        while self._queue and self._send_first(self._queue[0]):
            self._queue.popleft()
            self._out += 1
        ready = [future for mark, future in self._waiters if mark <= self._out]
        if ready:
            self._waiters = [(mark, future) for mark, future in self._waiters if mark > self._out]
        for future in ready:
            with suppress(RuntimeError):  # its loop is closed: no coroutine waits
                future.get_loop().call_soon_threadsafe(_resolve, future)

    def _send_first(self, entry: bytes | memoryview | None) -> bool:
        """Send what the credit allows of `entry`; return whether all of it has left."""
        if entry is None:
            self._link.send(Close(self.connection))
            return True
        while len(entry) > (size := min(self.credit, CHUNK)):
            if size == 0:
                return False
            view = memoryview(entry)
            self.credit -= size
            entry = self._queue[0] = view[size:]
            self._link.send(Send(self.connection, bytes(view[:size]), more=True))
        self.credit -= len(entry)
        self._link.send(Send(self.connection, bytes(entry)))
        return True


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
