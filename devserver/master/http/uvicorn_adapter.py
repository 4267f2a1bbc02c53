"""uvicorn in the Master: its protocols on our listeners, around our app. The only file that knows uvicorn.

Law: its signal handlers, listeners and logs are unused. Its log records of requests become our notices.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Protocol, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from devserver.common import events
from devserver.common.events import Event, Listener
from devserver.config import HttpConfig

KEEP_ALIVE = 75
"""Seconds that an idle connection stays open: longer than clients keep it, because a request may be on its
way when the server closes.
"""

TLS_HANDSHAKE = b"\x16"
"""The first byte of a TLS client; no request begins with it."""
HANDLED = "devserver.handled"
"""A key in the scope of a WebSocket that handlers serve: their side closes it."""


class DisconnectListener(Protocol):
    """Called when the client of an HTTP connection leaves."""

    def on_client_left(self) -> None:
        """The connection is gone."""


class CorkedTransport:
    """A transport that can join several writes into one system call.

    uvicorn writes the head and the body of a response separately, although here both are known at once.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._kept: list[bytes] | None = None
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write, or keep the data while corked."""
        if self._kept is None:
            self._transport.write(data)
        else:
            self._kept.append(data)

    def cork(self) -> None:
        """Keep written data from now on."""
        self._kept = []

    def uncork(self) -> None:
        """Write the kept data in one piece."""
        kept, self._kept = self._kept, None
        if kept:
            self._transport.write(b"".join(kept))

    def close(self) -> None:
        """Close once everything that was written has left."""
        self.uncork()
        self._transport.close()


class HttpConnection(HttpToolsProtocol):
    """Notifies the request in hand when its client leaves, without a task that waits for that.

    Law: nothing starts or is written once the connection is lost. Answers leave in the order of their
    requests, also the answer to an upgrade.
    """

    server_state: State
    listener: DisconnectListener | None = None
    _running: RequestResponseCycle | None = None
    """The request whose answer is next; uvicorn itself only keeps the one that arrived last."""
    _upgrading = False
    """An upgrade waits for earlier answers."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.corked = CorkedTransport(transport)
        super().connection_made(cast("asyncio.Transport", self.corked))
        self.app_state = {"connection": self}  # copied into each scope's state

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        if self.listener is not None:
            self.listener.on_client_left()

    def data_received(self, data: bytes) -> None:
        if self.cycle is None and data[:1] == TLS_HANDSHAKE:
            self.server_state.tls_came(self.transport.get_extra_info("sockname"))
            self.send_400_response("Invalid HTTP request received.")
        else:
            super().data_received(data)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def handle_websocket_upgrade(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            super().handle_websocket_upgrade()
        else:
            self._upgrading = True
            self.flow.pause_reading()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._upgrading and self.cycle.response_complete and not self.transport.is_closing():
            self._upgrading = False
            self._unset_keepalive_if_required()
            super().handle_websocket_upgrade()


class WebSocketConnection(WebSocketsSansIOProtocol):
    """Shuts down once; if handlers serve it, they do, after their answers."""

    def shutdown(self) -> None:
        handled = self.handshake_initiated and HANDLED in self.scope
        if not handled and not self.transport.is_closing():
            super().shutdown()


class _Connections(set[Any]):
    """The open connections of HTTP and WebSockets; `changed` is called when one opens or closes."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self._changed = changed

    def add(self, connection: Any) -> None:
        super().add(connection)
        self._changed()

    def discard(self, connection: Any) -> None:
        super().discard(connection)
        self._changed()

    def remove(self, connection: Any) -> None:
        super().remove(connection)
        self._changed()


class State(ServerState):
    """Makes the Date header on demand, once a second: no timer runs without requests."""

    def __init__(self, changed: Callable[[], None], emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._tls_came = False
        self._second = 0
        self._headers: list[tuple[bytes, bytes]] = []
        super().__init__()
        self.connections = _Connections(changed)

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._headers = [(b"date", formatdate(second, usegmt=True).encode()), (b"server", b"uvicorn")]
        return self._headers

    @default_headers.setter
    def default_headers(self, _value: list[tuple[bytes, bytes]]) -> None:
        """Ignore uvicorn's own start value."""

    def tls_came(self, address: Any) -> None:
        """Report once that a client speaks TLS, as for an https: URL: the client cannot read our answer."""
        if self._tls_came:
            return
        self._tls_came = True
        where = Listener("http", *address[:2]) if isinstance(address, tuple) else "this socket"
        text = f"a client speaks HTTPS to {where}, which is HTTP: open it as http, or use --ssl-certfile"
        self._emit(events.Notice(level="warning", text=text))


class UvicornAdapter:
    """Makes a protocol for each connection, all around `app`; `changed` as in _Connections."""

    def __init__(
        self,
        config: HttpConfig,
        app: Callable[..., Any],
        emit: Callable[[Event], None],
        changed: Callable[[], None],
    ) -> None:
        _listen_to_logs(emit)
        self.state = State(changed, emit)
        self._config = Config(
            app,
            interface="asgi3",
            http=HttpConnection,
            ws=WebSocketConnection,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=config.proxy_headers,
            forwarded_allow_ips=config.forwarded_allow_ips or None,
            root_path=config.root_path,
            timeout_keep_alive=KEEP_ALIVE,
        )
        self._config.load()

    def connect(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return HttpConnection(config=self._config, server_state=self.state, app_state={})

    @property
    def open(self) -> int:
        """Return how many connections are open."""
        return len(self.state.connections)

    def shut_down(self) -> None:
        """Close idle connections, an app's WebSockets with 1012, others when their answer is complete."""
        for connection in list(self.state.connections):
            connection.shutdown()

    def abort(self) -> None:
        """Close every connection now."""
        for connection in list(self.state.connections):
            connection.transport.abort()


_REFUSED = "ASGI callable returned without completing handshake."
"""uvicorn logs this for each WebSocket that is refused with a response, which is no error."""
_BAD_TEXT = "Invalid UTF-8 sequence received from client."
"""A fault of the client, like a malformed request."""


class _Notices(logging.Handler):
    def __init__(self, emit: Callable[[Event], None]) -> None:
        super().__init__(logging.WARNING)
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().strip()
        if text == _REFUSED:
            return
        ours = record.levelno >= logging.ERROR and text != _BAD_TEXT
        detail = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info and ours else ""
        self._emit(events.Notice(level="error" if ours else "warning", text=text, detail=detail))


def _listen_to_logs(emit: Callable[[Event], None]) -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.handlers[:] = [_Notices(emit)]
    logger.setLevel(logging.WARNING)
    logger.propagate = False
