"""`conn.server`, as handlers see it: all connections, of whatever Worker, through the Master."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from devserver.ipc.messages import Broadcast, Peer, Transport
from devserver.worker.run.connection import Connection, Data, to_bytes
from devserver.worker.run.master_link import MasterLink
from devserver.worker.run.state import State


@dataclass(frozen=True, slots=True)
class Row:
    """A connection as the Master had it when it was asked; `state` is a copy."""

    id: int
    peer: Peer
    transport: Transport
    state: dict[str, Any]


class Server:
    """The server from inside a Worker: `worker` is its number, `generation` that of the code it runs."""

    def __init__(self, link: MasterLink, worker: int, generation: int) -> None:
        self._link = link
        self.worker = worker
        self.generation = generation

    @property
    def connections(self) -> list[Row]:
        """All open connections, oldest first, with their states as last stored; asked anew each time."""
        return [
            Row(row.connection, row.peer, row.transport, dict(State.decode(row.state)))
            for row in self._link.connections()
        ]

    def send(self, connection: int | Connection, data: Data) -> None:
        """Send to one connection by its id; an id that is gone by now is no error."""
        number = connection.id if isinstance(connection, Connection) else connection
        self._link.outbox(number).send(to_bytes(data))

    def broadcast(self, data: Data, exclude: Iterable[int | Connection] = ()) -> None:
        """Send to all connections but those in `exclude`; a client that does not read misses it."""
        ids = tuple(each.id if isinstance(each, Connection) else each for each in exclude)
        self._link.send(Broadcast(to_bytes(data), ids))

    def __repr__(self) -> str:
        return f"<server worker={self.worker} generation={self.generation}>"
