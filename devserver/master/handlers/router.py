"""Connects the handlers' clients and the Workers: stamps, cuts and dispatches input, writes answers.

Law: frames of a connection run in order, one at a time. A frame starts once its stamp is settled. The Router
reports each loss by a Worker's death.
"""

from __future__ import annotations

from collections.abc import Callable

from devserver.common import events
from devserver.common.events import Event
from devserver.config import LimitsConfig
from devserver.ipc.messages import (
    Broadcast,
    Close,
    ConnectionsRequested,
    ConnectionTable,
    ConnectionWindowUpdate,
    Handled,
    Send,
    Transport,
)
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import Worker
from devserver.master.handlers.client import Client
from devserver.master.handlers.connection import Connection
from devserver.master.handlers.inbox import Item
from devserver.master.handlers.read_limit import ReadLimit

ConnectionMessage = Send | Broadcast | Close | ConnectionsRequested | Handled


class Router:
    """Owns every client of the handlers. `stamp` and `is_settled` decide what may start.

    `on_changed` is called after each change.
    """

    def __init__(
        self,
        limits: LimitsConfig,
        dispatcher: Dispatcher,
        stamp: Callable[[], int],
        is_settled: Callable[[int], bool],
        emit: Callable[[Event], None],
        on_changed: Callable[[], None],
    ) -> None:
        self.stamp = stamp
        self.closing = False
        """The server stops."""
        self._limit = limits.connection
        self._read_limit = ReadLimit(limits)
        self._is_settled = is_settled
        self._emit = emit
        self._on_changed = on_changed
        self._dispatcher = dispatcher
        self._clients: dict[int, Client] = {}
        self._held: set[Client] = set()
        self._last_connection = 0

    def connect(self, kind: Transport) -> Client:
        """Return the protocol of a new connection."""
        self._last_connection += 1
        connection = Connection(self._last_connection, kind, self._limit)
        return Client(connection, self, self._limit)

    @property
    def count(self) -> int:
        """Return how many connections there are, including those whose client is gone but that have work."""
        return len(self._clients)

    @property
    def open_beside_http(self) -> int:
        """Return how many clients are connected by TCP or a Unix socket, not by a WebSocket."""
        connections = (client.connection for client in self._clients.values())
        return sum(each.open and each.transport_kind != "websocket" for each in connections)

    # the clients

    def on_opened(self, client: Client) -> None:
        """A client has connected."""
        self._clients[client.connection.id] = client
        if self.closing:
            client.abort()
        self._on_changed()
        client.connection.on_opened(client.peer, self.stamp())
        self._advance(client)

    def on_received(self, client: Client, data: bytes) -> None:
        """A client has sent bytes, or a whole message."""
        client.connection.inbox.arrive(self.stamp(), "receive", data)
        self._advance(client)

    def on_ended(self, client: Client) -> None:
        """A client has ended its side."""
        client.connection.on_ended()
        self._advance(client)

    def on_writable(self, client: Client) -> None:
        """A client that did not read has read its data."""
        if dropped := client.connection.on_writable():
            self._report_lost(f"{dropped} messages", "the client did not read", client)
        self._update_windows(client)
        self._advance(client)

    def on_closed(self, client: Client) -> None:
        """A client is gone: let Workers that wait for it go on."""
        client.connection.on_closed()
        self._update_windows(client)
        self._read_limit.on_closed(client)
        self._on_changed()
        self._advance(client)

    def _advance(self, client: Client) -> None:
        """Release a client's input, and offer it, as far as it may start."""
        connection = client.connection
        connection.inbox.release(self._dispatcher.code.framing, self._is_settled)
        self._read_limit.update(client)
        if connection.inbox.holds:
            self._held.add(client)
        else:
            self._held.discard(client)
        self._offer(client)
        self._dispatcher.pump()

    # the jobs

    def _handles(self, item: Item) -> bool:
        return f"on_{item.kind}" in self._dispatcher.code.handlers

    def _offer(self, client: Client) -> None:
        """Queue the client if an item of it may start; drop items without a handler."""
        connection = client.connection
        while item := connection.next_item():
            if self._handles(item):
                self._dispatcher.enqueue(client)
                return
            if self._dispatcher.code.framing is None and item.kind == "receive":
                return  # this code serves no TCP; a later save may
            connection.inbox.pop()
            self._read_limit.update(client)
        self._close_if_done(client)

    def _close_if_done(self, client: Client) -> None:
        connection = client.connection
        inbox = connection.inbox
        if inbox.error and connection.open and not connection.running:
            self._report_lost("the connection", str(inbox.error), client)
            inbox.error = None
            client.close()
        if connection.is_finished:
            if inbox.tail:
                text = f"an incomplete frame of {len(inbox.tail)} bytes"
                self._report_lost(text, "the client left", client)
            client.close()
        if connection.open or connection.running:
            return
        if not inbox.holds or self._dispatcher.code.framing is None:
            self._forget(client)

    def _forget(self, client: Client) -> None:
        self._clients.pop(client.connection.id, None)
        self._held.discard(client)
        self._read_limit.forget(client)
        self._on_changed()

    def startable(self, client: Client) -> bool:
        """Return whether an item may start; if not, offer the client again."""
        item = client.connection.next_item()
        if item is not None and self._handles(item):
            return True
        self._offer(client)
        return False

    def start(self, client: Client, worker: Worker, number: int) -> None:
        """Give the next item to `worker`."""
        handle = client.connection.start(worker.id, number)
        self._read_limit.update(client)
        worker.link.send(handle)

    def on_job_lost(self, client: Client, reason: str) -> None:
        """The item in hand is lost with its Worker; start the next one."""
        client.connection.on_handled(None)
        self._report_lost("the message in hand", reason, client)
        self._offer(client)

    # the Workers

    def on_message(self, worker: Worker, message: ConnectionMessage) -> None:
        """Carry out a Worker's message about its connections."""
        match message:
            case Handled():
                self._on_handled(worker, message)
            case Send():
                self._send(worker, message)
            case Broadcast():
                for client in list(self._clients.values()):
                    if client.connection.open and client.connection.id not in message.exclude:
                        client.write(client.connection.broadcast(message.data))
            case Close():
                if closed := self._open_client(message.connection):
                    closed.connection.inbox.discard_frames()
                    self._read_limit.update(closed)
                    closed.close()
            case ConnectionsRequested():
                connections = (client.connection for client in self._clients.values())
                rows = tuple(each.row() for each in connections if each.open)
                worker.link.send(ConnectionTable(message.request, rows))

    def _open_client(self, number: int) -> Client | None:
        client = self._clients.get(number)
        return client if client is not None and client.connection.open else None

    def _on_handled(self, worker: Worker, message: Handled) -> None:
        client = self._dispatcher.finish(worker, message.job)
        if client is None:
            return
        assert isinstance(client, Client), "what handles frames finishes frames"
        client.connection.on_handled(message.state)
        if message.failure is not None:
            number = client.connection.id
            self._emit(events.HandlerFailed(worker=worker.id, connection=number, failure=message.failure))
        self._offer(client)
        self._dispatcher.proceed(worker)

    def _send(self, worker: Worker, message: Send) -> None:
        """Write a part of a Worker's message; the window keeps what is over the limit in the Worker."""
        client = self._open_client(message.connection)
        if client is None:
            worker.link.send(ConnectionWindowUpdate(message.connection, len(message.data)))
            return
        client.write(client.connection.outbox.send(worker.id, message.data, message.more))
        if update := client.connection.window_update(worker.id):
            worker.link.send(update)

    def _update_windows(self, client: Client) -> None:
        for number in client.connection.outbox.creditors:
            worker = self._dispatcher.workers.get(number)
            update = client.connection.window_update(number)
            if worker is not None and update is not None:
                worker.link.send(update)

    def on_worker_died(self, worker: Worker) -> None:
        """End the incomplete messages of a dead Worker; their connections stay open."""
        for client in self._clients.values():
            cut, chunks = client.connection.outbox.on_worker_died(worker.id)
            client.write(chunks)
            if cut:
                self._report_lost("the rest of a message", "its worker died", client)

    def _report_lost(self, what: str, reason: str, client: Client) -> None:
        self._emit(events.Lost(what=what, reason=reason, connection=client.connection.id))

    # the code

    def on_code_live(self) -> None:
        """Cut and offer input by the new code's rules from now on."""
        for client in list(self._clients.values()):
            self._offer(client)
        self.on_settled()

    def on_settled(self) -> None:
        """Offer the input that waited for an edit that is settled now."""
        for client in list(self._held):
            self._advance(client)
        self._dispatcher.pump()
        self._on_changed()

    # the end

    def stop_reading(self) -> None:
        """Stop reading from clients; received input is still handled."""
        self.closing = True
        self._read_limit.stop()
        for client in self._clients.values():
            client.pause_reading()

    @property
    def quiet(self) -> bool:
        """Return whether no item runs and no input waits for an edit to be settled."""
        waits = bool(self._held) and self._dispatcher.code.framing is not None
        return not waits and not any(each.connection.running for each in self._clients.values())

    def close_all(self) -> None:
        """Close each connection once everything that was sent to it has left."""
        for client in list(self._clients.values()):
            client.close()

    def abort_all(self) -> None:
        """Close every connection now."""
        for client in list(self._clients.values()):
            client.abort()
