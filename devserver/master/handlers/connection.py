"""One client of the handlers: its input, its output, and the state that survives reloads. Pure.

The Router drives it; it knows no transport and no Worker.
"""

from __future__ import annotations

from devserver.ipc.messages import ConnectionRow, ConnectionWindowUpdate, Handle, Peer, Transport
from devserver.master.handlers.inbox import Inbox, Item
from devserver.master.handlers.outbox import Outbox

EMPTY_STATE = b"\x80"
"""An empty dict in msgpack."""


class Connection:
    """Lives from accept to the end of its last job; `open` is false once the client is gone.

    `limit` is how many bytes may wait for the client.
    """

    def __init__(self, number: int, transport_kind: Transport, limit: int) -> None:
        self.id = number
        self.transport_kind: Transport = transport_kind
        self.peer: Peer = ("", 0)
        self.state = EMPTY_STATE
        self.inbox = Inbox(whole=transport_kind == "websocket")
        self.outbox = Outbox(limit, whole=transport_kind == "websocket")
        self.running = False
        """A Worker has an item of it in hand."""
        self.open = False
        self._ended = False
        self._dropped = 0
        self._limit = limit

    # the client

    def on_opened(self, peer: Peer, stamp: int) -> None:
        """The client has connected."""
        self.peer, self.open = peer, True
        self.inbox.arrive(stamp, "connect")

    def on_ended(self) -> None:
        """The client sends nothing more; answers can still go out."""
        self._ended = True

    def on_writable(self) -> int:
        """The client reads again; return how many messages were dropped meanwhile."""
        self.outbox.paused = False
        dropped, self._dropped = self._dropped, 0
        return dropped

    def on_closed(self) -> None:
        """The client is gone; what it has sent is still handled."""
        self.open = self.outbox.paused = False
        self.inbox.arrive(0, "close")

    @property
    def is_finished(self) -> bool:
        """Return whether the client has ended its side and everything that it sent was handled."""
        if not self._ended or not self.open or self.running:
            return False
        return self.inbox.peek() is None and not self.inbox.holds

    # what it has sent

    def next_item(self) -> Item | None:
        """Return what may start now: nothing while an item runs, or the client does not read its answers."""
        if self.running or (self.outbox.paused and self.open):
            return None
        return self.inbox.peek()

    def start(self, worker: int, number: int) -> Handle:
        """Take the next item; return it as job `number` of that Worker, with a full send window."""
        item = self.inbox.pop()
        self.running = True
        self.outbox.reset(worker)
        return Handle(
            job=number,
            kind=item.kind,
            connection=self.id,
            peer=self.peer,
            transport=self.transport_kind,
            state=self.state,
            data=item.data,
            window=self._limit,
        )

    def on_handled(self, state: bytes | None) -> None:
        """The item in hand was handled, or lost; `state` is the new one, None if it stays."""
        self.running = False
        if state is not None:
            self.state = state

    # what it is to get

    def broadcast(self, data: bytes) -> list[bytes]:
        """Return what to write of a broadcast message; if the client does not read, drop and count it."""
        chunks = self.outbox.broadcast(data)
        if chunks is None:
            self._dropped += 1
        return chunks or []

    def window_update(self, worker: int) -> ConnectionWindowUpdate | None:
        """Return what lets a Worker send more, None if nothing is due."""
        size = self.outbox.credit(worker)
        return ConnectionWindowUpdate(self.id, size) if size else None

    def row(self) -> ConnectionRow:
        """Return what the app may know of this connection."""
        return ConnectionRow(self.id, self.peer, self.transport_kind, self.state)
