"""Joins the handlers' connections and the Workers: what arrives is stamped, cut, given to a Worker, and its
answers go out.

Law: frames of a connection run in order, one at a time; a frame starts once its stamp is settled; what a
Worker's death loses is said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

from devserver.common import events
from devserver.common.events import Event
from devserver.common.framing import Framing
from devserver.config import LimitsConfig
from devserver.ipc.messages import (
    Broadcast,
    Close,
    ConnectionsAsked,
    ConnectionTable,
    ConnectionWindowUpdate,
    Handled,
    Send,
    Transport,
)
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import Worker
from devserver.master.handlers.connection import Connection
from devserver.master.handlers.inbox import Item

Traffic = Send | Broadcast | Close | ConnectionsAsked | Handled
TCP_HANDLERS = frozenset({"on_connect", "on_receive", "on_close"})


class Router:
    """Owns every connection of handlers. `stamp` and `is_settled` say what may start; `changed` hears of each
    change.
    """

    def __init__(
        self,
        limits: LimitsConfig,
        dispatcher: Dispatcher,
        stamp: Callable[[], int],
        is_settled: Callable[[int], bool],
        emit: Callable[[Event], None],
        changed: Callable[[], None],
    ) -> None:
        self._limits = limits
        self._stamp = stamp
        self._is_settled = is_settled
        self._emit = emit
        self._changed = changed
        self._dispatcher = dispatcher
        self.connections: dict[int, Connection] = {}
        self._framing: Framing | None = None
        self._handlers: frozenset[str] = frozenset()
        self._held: set[Connection] = set()
        self._paused: set[Connection] = set()
        self._size = 0
        self._last_connection = 0
        self._closing = False

    # what the connections say (connection.Hub)

    def connect(self, kind: Transport) -> Connection:
        """Return the protocol of a new connection."""
        self._last_connection += 1
        return Connection(self._last_connection, kind, self, self._limits.connection)

    def opened(self, connection: Connection) -> None:
        self.connections[connection.id] = connection
        if self._closing:
            connection.abort()
        self._changed()

    def closed(self, connection: Connection) -> None:
        self._paused.discard(connection)
        self._changed()

    def stamp(self) -> int:
        return self._stamp()

    def arrived(self, connection: Connection) -> None:
        connection.inbox.release(self._framing, self._is_settled)
        self._account(connection)
        if connection.inbox.holds:
            self._held.add(connection)
        else:
            self._held.discard(connection)
        self.offer(connection)
        self._dispatcher.pump()

    def started(self, connection: Connection) -> None:
        self._account(connection)

    def grant(self, worker: int, credit: ConnectionWindowUpdate) -> None:
        if worker in self._dispatcher.workers:
            self._dispatcher.workers[worker].link.send(credit)

    def lost(self, what: str, reason: str, connection: int) -> None:
        self._emit(events.Lost(what=what, reason=reason, connection=connection))

    # what the Workers say

    def heard(self, worker: Worker, message: Traffic) -> None:
        """Carry out what a Worker asks for its connections."""
        match message:
            case Handled():
                self._handled(worker, message)
            case Send():
                if self._is_open(connection := self.connections.get(message.connection)):
                    connection.send(worker.id, message)
                else:
                    worker.link.send(ConnectionWindowUpdate(message.connection, len(message.data)))
            case Broadcast():
                for connection in list(self.connections.values()):
                    if connection.open and connection.id not in message.exclude:
                        connection.broadcast(message.data)
            case Close():
                if self._is_open(connection := self.connections.get(message.connection)):
                    connection.inbox.discard_frames()
                    self._account(connection)
                    connection.close()
            case ConnectionsAsked():
                rows = tuple(connection.row() for connection in self.connections.values() if connection.open)
                worker.link.send(ConnectionTable(message.request, rows))

    @staticmethod
    def _is_open(connection: Connection | None) -> TypeGuard[Connection]:
        return connection is not None and connection.open

    def _handled(self, worker: Worker, message: Handled) -> None:
        connection = self._dispatcher.finish(worker, message.job)
        if connection is None:
            return
        assert isinstance(connection, Connection), "what handles frames finishes frames"
        connection.running = 0
        if message.state is not None:
            connection.state = message.state
        if message.failure is not None:
            self._emit(
                events.HandlerFailed(worker=worker.id, connection=connection.id, failure=message.failure)
            )
        self.offer(connection)
        self._dispatcher.proceed(worker)

    def abandon(self, worker: Worker) -> None:
        """A Worker is dead: messages that it has begun end here, and their connections live on."""
        for connection in self.connections.values():
            connection.abandon(worker.id)

    # what the generations say

    def speak(self, handlers: tuple[str, ...], framing: Framing) -> None:
        """New code is live: cut and offer by its rules from here on."""
        self._handlers = TCP_HANDLERS & set(handlers)
        self._framing = framing if self._handlers else None
        for connection in list(self.connections.values()):
            self.offer(connection)
        self.release()

    def release(self) -> None:
        """Some edit was settled: let through what waited for it."""
        for connection in list(self._held):
            self.arrived(connection)
        self._dispatcher.pump()
        self._changed()

    # moving units

    def handles(self, item: Item) -> bool:
        return f"on_{item.kind}" in self._handlers

    def offer(self, connection: Connection) -> None:
        """Put the connection in line if something of it can start; drop what nobody handles."""
        while item := connection.next_item():
            if self.handles(item):
                self._dispatcher.enqueue(connection)
                return
            if not self._handlers and item.kind == "receive":
                return  # the code serves no TCP now: a later save may
            connection.inbox.pop()
            self._account(connection)
        if connection.inbox.error and connection.open and not connection.running:
            self.lost("the connection", str(connection.inbox.error), connection.id)
            connection.inbox.error = None
            connection.close()
        connection.finish()
        if not connection.open and not connection.running and not (connection.inbox.holds and self._handlers):
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self.connections.pop(connection.id, None)
        self._held.discard(connection)
        self._paused.discard(connection)
        self._size -= connection.accounted
        connection.accounted = 0
        self._resume()
        self._changed()

    # bounds

    def _account(self, connection: Connection) -> None:
        """Keep the sum of what is held, and stop or resume reading by the limits."""
        size = connection.inbox.size
        self._size += size - connection.accounted
        connection.accounted = size
        if connection.open and size and (size >= self._limits.connection or self._size >= self._limits.total):
            connection.pause_reading()
            self._paused.add(connection)
        elif self._paused:
            self._resume()

    def _resume(self) -> None:
        """Read on from whom there is room for: what leaves one connection may be what another waits for."""
        if self._closing or self._size >= self._limits.total:
            return
        for connection in [c for c in self._paused if c.inbox.size <= self._limits.connection // 2]:
            self._paused.discard(connection)
            connection.resume_reading()

    # the end

    def stop_reading(self) -> None:
        """Take no more from any client; what was received is still handled."""
        self._closing = True
        for connection in self.connections.values():
            connection.pause_reading()

    @property
    def closing(self) -> bool:
        """Tell whether the server stops."""
        return self._closing

    @property
    def quiet(self) -> bool:
        """Tell whether nothing runs and nothing waits for an edit to be settled."""
        return not (self._held and self._handlers) and not any(c.running for c in self.connections.values())

    def close_all(self) -> None:
        """Close each connection once what was sent to it is out."""
        for connection in list(self.connections.values()):
            connection.close()

    def abort_all(self) -> None:
        """Close every connection now."""
        for connection in list(self.connections.values()):
            connection.abort()
