"""One client of the handlers: its input, its output, and its state, which outlives reloads. Pure.

The Router drives it; it knows no transport and no Worker.
"""

from __future__ import annotations

from devserver.ipc.messages import ConnectionRow, ConnectionWindowUpdate, Handle, Peer, Transport
from devserver.master.handlers.inbox import Inbox, Item
from devserver.master.handlers.outbox import Outbox

EMPTY_STATE = b"\x80"
"""An empty dict in msgpack."""


class Connection:
    """Lives from the accept to the end of its last job; `open` is false once the client is gone.

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
        """The client is gone; its items are still handled."""
        self.open = self.outbox.paused = False
        self.inbox.arrive(0, "close")

    @property
    def is_finished(self) -> bool:
        """Return whether the client has ended its side and everything from it was handled."""
        if not self._ended or not self.open or self.running:
            return False
        return self.inbox.peek() is None and not self.inbox.holds

    # input

    def next_item(self) -> Item | None:
        """Return the item that may start now: None while one runs, or while the client does not read."""
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
        """The item in hand was handled or lost; `state` is the new one, None if unchanged."""
        self.running = False
        if state is not None:
            self.state = state

    # output

    def broadcast(self, data: bytes) -> list[bytes]:
        """Return the data to write for a broadcast message; if the client does not read, drop it."""
        chunks = self.outbox.broadcast(data)
        if chunks is None:
            self._dropped += 1
        return chunks or []

    def window_update(self, worker: int) -> ConnectionWindowUpdate | None:
        """Return the window update that is due for a Worker, None if there is none."""
        size = self.outbox.credit(worker)
        return ConnectionWindowUpdate(self.id, size) if size else None

    def row(self) -> ConnectionRow:
        """Return this connection for the app's list."""
        return ConnectionRow(self.id, self.peer, self.transport_kind, self.state)
