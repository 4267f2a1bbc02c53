"""The channel to the pages: the Master's own event stream, which no reload ends.

Law: a page gets the newest state when it connects and after each change, and never an older one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from devserver.ipc.messages import Headers

HEARTBEAT = 30.0
"""Seconds after which a comment shows a proxy that the connection is in use."""
_HEADERS: Headers = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_AGAIN = b"retry: 300\n"
"""Milliseconds after which a page reconnects when the stream breaks: the server may have stopped."""


class _Listener:
    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.gone = False

    def on_client_left(self) -> None:
        """The page was closed."""
        self.gone = True
        self.changed.set()


class Channel:
    """`state` returns the state as an event, for a client that is local or not."""

    def __init__(self, state: Callable[[bool], bytes]) -> None:
        self._state = state
        self._listeners: set[_Listener] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._listeners)

    def publish(self) -> None:
        """Send every page the newest state."""
        for listener in self._listeners:
            listener.changed.set()

    def close(self) -> None:
        """The server stops: end the streams."""
        self._closed = True
        self.publish()

    async def serve(
        self, connection: Any, send: Callable[[dict[str, Any]], Awaitable[None]], *, local: bool
    ) -> None:
        """Send the state to one page, until the page is closed or the server stops."""
        listener = connection.listener = _Listener()
        self._listeners.add(listener)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            data = _AGAIN + self._state(local)
            while not (listener.gone or self._closed):
                listener.changed.clear()
                await send({"type": "http.response.body", "body": data, "more_body": True})
                data = await self._next(listener, local)
            if not listener.gone:
                await send({"type": "http.response.body"})
        finally:
            connection.listener = None
            self._listeners.discard(listener)

    async def _next(self, listener: _Listener, local: bool) -> bytes:
        try:
            async with asyncio.timeout(HEARTBEAT):
                await listener.changed.wait()
        except TimeoutError:
            return b":\n\n"
        return self._state(local)
