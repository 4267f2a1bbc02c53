"""One TCP client: the transport, its inbox and outbox, and the state that survives every reload."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from devserver.ipc.messages import ConnectionRow, ConnectionWindowUpdate, Handle, Peer, Send, Transport
from devserver.master.dispatch.queue import JobKind
from devserver.master.dispatch.worker import Worker
from devserver.master.handlers.inbox import Inbox, Item
from devserver.master.handlers.outbox import Outbox

EMPTY_STATE = b"\x80"
"""An empty dict in msgpack."""


class Hub(Protocol):
    """What a connection asks of the Master."""

    def opened(self, connection: Connection) -> None:
        """Count a new connection."""

    def arrived(self, connection: Connection) -> None:
        """Something new is in the inbox."""

    def handles(self, item: Item) -> bool:
        """Tell whether the live code has a handler for it."""

    def offer(self, connection: Connection) -> None:
        """Put it in line if something of it can start."""

    def started(self, connection: Connection) -> None:
        """Something has left the inbox for a Worker."""

    def stamp(self) -> int:
        """Return the newest edit known now."""

    def closed(self, connection: Connection) -> None:
        """The client has gone."""

    def grant(self, worker: int, credit: ConnectionWindowUpdate) -> None:
        """Tell a Worker that it may send more."""

    def lost(self, what: str, reason: str, connection: int) -> None:
        """Say that something was dropped."""


class Connection(asyncio.Protocol):
    """Lives from accept to the end of its last unit; `open` is false once the client is gone."""

    kind: JobKind = "native"

    def __init__(self, number: int, transport_kind: Transport, hub: Hub, limit: int) -> None:
        self.id = number
        self.transport_kind: Transport = transport_kind
        self.peer: Peer = ("", 0)
        self.state = EMPTY_STATE
        self.inbox = Inbox(whole=transport_kind == "websocket")
        self.outbox = Outbox(limit, whole=transport_kind == "websocket")
        self.queued = False
        self.running = 0
        """The unit in hand, 0 if there is none."""
        self.open = False
        self.reading = True
        self.accounted = 0
        """The bytes of the inbox that the switchboard has counted."""
        self._ended = False
        self._dropped = 0
        self._hub = hub
        self._limit = limit
        self._transport: asyncio.Transport | None = None

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._limit, low=self._limit // 4)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.peer = (str(peer[0]), int(peer[1]))
        self.open = True
        self._hub.opened(self)
        self.inbox.arrive(self._hub.stamp(), "connect")
        self._hub.arrived(self)

    def data_received(self, data: bytes) -> None:
        self.inbox.arrive(self._hub.stamp(), "receive", data)
        self._hub.arrived(self)

    def eof_received(self) -> bool:
        self._ended = True
        self._hub.arrived(self)
        return True  # answers can still go out; `finish` closes

    def pause_writing(self) -> None:
        self.outbox.paused = True

    def resume_writing(self) -> None:
        self.outbox.paused = False
        if self._dropped:
            self._hub.lost(f"{self._dropped} messages", "the client did not read", self.id)
            self._dropped = 0
        for worker in self.outbox.creditors:
            self._grant(worker)
        self._hub.arrived(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self.outbox.paused = False
        for worker in self.outbox.creditors:  # nobody takes it any more, so nobody has to wait
            self._grant(worker)
        self.inbox.arrive(0, "close")
        self._hub.closed(self)
        self._hub.arrived(self)

    # the Master's side

    def next_item(self) -> Item | None:
        """Return what may start now: nothing while a unit runs, or the client does not read its answers."""
        if self.running or (self.outbox.paused and self.open):
            return None
        return self.inbox.peek()

    def startable(self) -> bool:
        """Tell whether a unit can start; if not, what comes next is put in line."""
        item = self.next_item()
        if item is not None and self._hub.handles(item):
            return True
        self._hub.offer(self)
        return False

    def start(self, worker: Worker, number: int) -> None:
        """Give the next item to `worker`."""
        item = self.inbox.pop()
        self.running = number
        self._hub.started(self)
        worker.link.send(
            Handle(
                job=number,
                kind=item.kind,
                connection=self.id,
                peer=self.peer,
                transport=self.transport_kind,
                state=self.state,
                data=item.data,
                window=self.window(worker.id),
            )
        )

    def on_worker_died(self, worker: Worker, reason: str) -> None:
        """The Worker died over the item: that is lost, and what follows goes on."""
        self.running = 0
        self._hub.lost("the message in hand", f"worker {worker.id} died ({reason})", self.id)
        self._hub.offer(self)

    def window(self, worker: int) -> int:
        """Return how many bytes a unit that starts now on `worker` may send, and begin to count them."""
        self.outbox.reset(worker)
        return self._limit

    def send(self, worker: int, message: Send) -> None:
        """Write a part of a Worker's message; what is over the limit waits in the Worker for credit."""
        self._write(self.outbox.send(worker, message.data, message.more))
        self._grant(worker)

    def broadcast(self, data: bytes) -> None:
        """Write a message for many, or drop and count it when this client does not read."""
        chunks = self.outbox.broadcast(data)
        if chunks is None:
            self._dropped += 1
        else:
            self._write(chunks)

    def abandon(self, worker: int) -> None:
        """A Worker has died: close the message it had begun."""
        cut, chunks = self.outbox.abandon(worker)
        self._write(chunks)
        if cut:
            self._hub.lost("the rest of a message", "its worker died", self.id)

    def finish(self) -> None:
        """Close once everything written is out, if the client has ended its side and nothing is left."""
        if self._ended and self.open and not self.running and not self.inbox.peek() and not self.inbox.holds:
            if self.inbox.tail:
                self._hub.lost(
                    f"an incomplete frame of {len(self.inbox.tail)} bytes", "the client left", self.id
                )
            self.close()

    def close(self) -> None:
        """Close once everything written is out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """Let the client wait; the kernel's buffers fill up and stop it."""
        if self.reading and self._transport is not None and not self._transport.is_closing():
            self.reading = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if not self.reading and self._transport is not None and not self._transport.is_closing():
            self.reading = True
            self._transport.resume_reading()

    def row(self) -> ConnectionRow:
        """Return what the app may know of this connection."""
        return ConnectionRow(self.id, self.peer, self.transport_kind, self.state)

    def _write(self, chunks: list[bytes]) -> None:
        if self.open and self._transport is not None:
            for chunk in chunks:
                self._transport.write(chunk)

    def _grant(self, worker: int) -> None:
        size = self.outbox.credit(worker)
        if size:
            self._hub.grant(worker, ConnectionWindowUpdate(self.id, size))
