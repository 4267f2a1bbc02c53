"""A client's transport and connection: passes on asyncio's events, writes, pauses and closes."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from devserver.master.dispatch.queue import ServedBy
from devserver.master.dispatch.worker import Worker
from devserver.master.handlers.connection import Connection


class Driver(Protocol):
    """Decides for clients; the Router."""

    def on_opened(self, client: Client) -> None: ...
    def on_received(self, client: Client, data: bytes) -> None: ...
    def on_ended(self, client: Client) -> None: ...
    def on_writable(self, client: Client) -> None: ...
    def on_closed(self, client: Client) -> None: ...
    def startable(self, client: Client) -> bool: ...
    def on_job_lost(self, client: Client, reason: str) -> None: ...
    def start(self, client: Client, worker: Worker, number: int) -> None: ...


class Client(asyncio.Protocol):
    """asyncio's protocol, and the Dispatcher's job: to run its connection's next item.

    `limit` is how many bytes the transport may hold before the client counts as one that does not read.
    """

    kind: ServedBy = "handlers"

    def __init__(self, connection: Connection, driver: Driver, limit: int) -> None:
        self.connection = connection
        self.queued = False
        self.counted = 0
        """Bytes of its inbox that the ReadLimit has counted."""
        self._driver = driver
        self._limit = limit
        self._reading = True
        self._transport: asyncio.Transport

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._limit, low=self._limit // 4)
        self._driver.on_opened(self)

    def data_received(self, data: bytes) -> None:
        self._driver.on_received(self, data)

    def eof_received(self) -> bool:
        self._driver.on_ended(self)
        return True  # answers can still go out; the Router closes

    def pause_writing(self) -> None:
        self.connection.outbox.paused = True

    def resume_writing(self) -> None:
        self._driver.on_writable(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._driver.on_closed(self)

    # the Dispatcher

    def startable(self) -> bool:
        return self._driver.startable(self)

    def start(self, worker: Worker, number: int) -> None:
        self._driver.start(self, worker, number)

    def on_worker_died(self, worker: Worker, number: int, reason: str) -> None:
        self._driver.on_job_lost(self, f"worker {worker.id} died ({reason})")

    # the Router

    @property
    def peer(self) -> tuple[str, int]:
        """Return its address, if it has one."""
        peer = self._transport.get_extra_info("peername")
        return (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else ("", 0)

    def write(self, chunks: list[bytes]) -> None:
        """Send to the client, if it is still there."""
        if self.connection.open:
            for chunk in chunks:
                self._transport.write(chunk)

    def close(self) -> None:
        """Close once everything that was written has left."""
        self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    def pause_reading(self) -> None:
        """Stop reading; the kernel's buffers fill up and stop the client."""
        if self._reading and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume reading."""
        if not self._reading and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()
