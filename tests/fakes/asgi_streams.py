"""A Worker's real streams over a fake link to the Master; and the same app under uvicorn, to compare."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from devserver.common.failure import Failure
from devserver.ipc.messages import Closed, Open, Scope, StreamOrder
from devserver.worker.asgi.streams import Streams
from tests.fakes.clock import turns
from tests.fakes.debugger import FakeDebugger
from tests.fakes.jobs import FakeJobs
from tests.fakes.master_link import FakeMasterLink
from tests.fakes.transport import FakeTransport

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Event, Receive, Send], Awaitable[Any]]
M = TypeVar("M")
STREAM = 7


class KeptRecords(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record)


class StreamsHarness:
    """An app with one stream, number 7."""

    def __init__(
        self,
        app: App,
        *,
        threaded: bool = False,
        state: dict[str, Any] | None = None,
        link: FakeMasterLink | None = None,
    ) -> None:
        self.link = link or FakeMasterLink()
        self.jobs = FakeJobs()
        parts: tuple[Any, ...] = (self.link, self.jobs, FakeDebugger())
        self.streams = Streams(cast(Any, app), *parts, threaded=threaded, state=state or {})

    async def opens(
        self,
        kind: str = "http",
        *,
        method: str = "GET",
        more: bool = False,
        waits: bool = False,
        window: int = 1000,
    ) -> None:
        """Open the stream, and let the app run as far as it gets."""
        scope = a_scope(kind, method=method if kind == "http" else "")
        await self.hears(Open(STREAM, scope, more, waits, window))

    async def hears(self, *orders: StreamOrder) -> None:
        """Receive messages of the Master, and let them have their effect."""
        for order in orders:
            self.streams.take(order)
        await turns()

    def said(self, kind: type[M]) -> list[M]:
        """Return the messages of this kind that were sent to the Master."""
        return [message for message in self.link.sent if isinstance(message, kind)]

    @property
    def over(self) -> bool:
        """Return whether the app has left the stream."""
        return bool(self.said(Closed))

    @property
    def failure(self) -> Failure | None:
        """Return why it failed; the stream must be over."""
        (closed,) = self.said(Closed)
        return closed.failure


def a_scope(kind: str = "http", *, method: str = "GET", resumed: int = 0, **fields: Any) -> Scope:
    """Return the scope of a request as messages carry it."""
    return Scope(
        type=cast(Any, kind),
        http_version="1.1",
        method=method,
        scheme="http" if kind == "http" else "ws",
        path=fields.get("path", "/p"),
        raw_path=b"/p",
        query_string=fields.get("query_string", b""),
        root_path="",
        headers=[(b"host", b"localhost")],
        client=fields.get("client", ("127.0.0.1", 50000)),
        server=("127.0.0.1", 8000),
        subprotocols=["chat"],
        resumed=resumed,
    )


class Says:
    """An app that sends `messages` one by one, and notes the first that is refused, with the error."""

    def __init__(self, *messages: Event) -> None:
        self._messages = messages
        self.refused: tuple[int, str, str] | None = None

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        await receive()
        for number, message in enumerate(self._messages):
            try:
                await send(message)
            except Exception as error:
                self.refused = (number, type(error).__name__, str(error))
                return


async def under_uvicorn(app: App, kind: str = "http", method: str = "GET") -> None:
    """Run the app once under uvicorn, as far as it gets."""
    config = Config(cast(Any, app), interface="asgi3", lifespan="off", log_config=None, access_log=False)
    config.load()
    make: Any = HttpToolsProtocol if kind == "http" else WebSocketsSansIOProtocol
    protocol = make(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(FakeTransport())
    upgrade = (
        ""
        if kind == "http"
        else "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    protocol.data_received(f"{method} /p HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n".encode())
    await turns()
    protocol.connection_lost(None)
    await turns()
