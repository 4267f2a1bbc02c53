"""The handlers' API: `conn`, one client, and `conn.server`, all connections of all Workers.

The Master keeps the bytes and the state of every client.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from devserver.ipc.messages import Broadcast, Peer, Transport
from devserver.worker.run.master_link import MasterLink
from devserver.worker.run.outbox import Outbox
from devserver.worker.run.state import State

Data = bytes | str | bytearray | memoryview


class Connection:
    """One client. Equal to every other `conn` of the same client; may be kept, also in a set or as a key.

    `id` grows and is never used again; `peer` is host and port; `transport` is `tcp`, `uds` or `websocket`.
    """

    __slots__ = ("__weakref__", "_outbox", "_state", "id", "peer", "server", "transport")

    def __init__(self, outbox: Outbox, peer: Peer, transport: Transport, server: Server) -> None:
        self.id = outbox.connection
        self.peer = peer
        self.transport: Transport = transport
        self.server = server
        self._outbox = outbox
        self._state = State()

    @property
    def state(self) -> State:
        """A dict that outlives reloads and deaths; the Master stores it when the handler returns."""
        return self._state

    @state.setter
    def state(self, values: dict[str, Any]) -> None:
        self._state.replace(values)

    def begin(self, outbox: Outbox, state: bytes) -> None:
        """Start a job with the state that the Master has stored."""
        self._outbox = outbox
        self._state = State.decode(state)

    def send(self, data: Data) -> None:
        """Send bytes, or text as UTF-8, after everything that was sent before.

        A slow client slows down the sender: a sync handler or a thread waits here. A coroutine goes on, and
        may `await conn.drain()`.
        """
        self._outbox.send(to_bytes(data))

    def close(self) -> None:
        """Close the connection once everything that was sent has left."""
        self._outbox.close()

    async def drain(self) -> None:
        """Return once everything that was sent up to now has left this process."""
        await self._outbox.drained()

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, Connection) else NotImplemented

    def __hash__(self) -> int:
        return hash((Connection, self.id))

    def __repr__(self) -> str:
        return f"<conn {self.id} {self.transport} {self.peer[0]}:{self.peer[1]}>"


class Row(Struct, frozen=True):
    """A connection, as of the Master's answer; `state` is a copy."""

    id: int
    peer: Peer
    transport: Transport
    state: dict[str, Any]


class Server:
    """The server as seen from a Worker: `worker` is its number, `generation` that of the code it runs."""

    def __init__(self, link: MasterLink, worker: int, generation: int) -> None:
        self._link = link
        self.worker = worker
        self.generation = generation

    @property
    def connections(self) -> list[Row]:
        """All open connections, oldest first, with their last stored states; each call asks the Master."""
        return [
            Row(row.connection, row.peer, row.transport, dict(State.decode(row.state)))
            for row in self._link.connections()
        ]

    def send(self, connection: int | Connection, data: Data) -> None:
        """Send to one connection by its id; if it is gone by now, nothing happens."""
        number = connection.id if isinstance(connection, Connection) else connection
        self._link.outbox(number).send(to_bytes(data))

    def broadcast(self, data: Data, exclude: Iterable[int | Connection] = ()) -> None:
        """Send to all connections except those in `exclude`; a client that does not read misses it."""
        ids = tuple(each.id if isinstance(each, Connection) else each for each in exclude)
        self._link.send(Broadcast(to_bytes(data), ids))

    def __repr__(self) -> str:
        return f"<server worker={self.worker} generation={self.generation}>"


def to_bytes(data: Data) -> bytes:
    """Return `data` as bytes. Raises TypeError for anything but text and bytes."""
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"data to send must be bytes or str, not {type(data).__name__}")
