"""The body of a request on its way to a Worker.

Law: the Master reads no more of it than fits into the Worker's window. A client that sends
`Expect: 100-continue` gets `100 Continue` only when the app asks for the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from devserver.ipc.messages import Headers
from devserver.master.http.app_job import WINDOW

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Upload:
    """`waits`: the client sends the body only on request (`Expect: 100-continue`)."""

    def __init__(self, receive: Receive, *, waits: bool) -> None:
        self.waits = waits
        self._receive = receive
        self._credit = 0 if waits else WINDOW
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self, send: Callable[[bytes, bool], None], loop: asyncio.AbstractEventLoop) -> None:
        """Send the body with `send`; only the first call counts, because it cannot be read again."""
        if self._task is None:
            self._task = loop.create_task(self._send(send))

    def grant(self, size: int) -> None:
        """The app has taken `size` bytes; 0: it asks for the first ones."""
        self._credit += size or WINDOW
        self._more.set()

    def cancel(self) -> None:
        """Stop reading the body."""
        if self._task is not None:
            self._task.cancel()

    async def _send(self, send: Callable[[bytes, bool], None]) -> None:
        more = True
        while more:
            while self._credit <= 0:
                self._more.clear()
                await self._more.wait()
            event = await self._receive()
            if event["type"] != "http.request":
                return
            data, more = event["body"], event["more_body"]
            self._credit -= len(data)
            send(data, more)


def upload_of(headers: Headers, receive: Receive) -> Upload | None:
    """Return the upload of a request that has a body or sends `Expect: 100-continue`."""
    has_body = waits = False
    for name, value in headers:
        match name:
            case b"content-length":
                has_body = has_body or value.strip() != b"0"
            case b"transfer-encoding":
                has_body = True
            case b"expect":
                waits = value.lower() == b"100-continue"
    return Upload(receive, waits=waits) if has_body or waits else None
