"""The response on its way to the client: writes parts in order, grants the Worker more once they are read.

Law: a response that cannot be completed is visibly truncated: its connection closes before its end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from devserver.ipc.messages import Headers
from devserver.master.http.app_job import WINDOW
from devserver.master.http.uvicorn_adapter import HttpConnection

Send = Callable[[dict[str, Any]], Awaitable[None]]
Head = tuple[int, Headers]


class Response:
    """One coroutine writes it, callbacks fill it."""

    def __init__(self, connection: HttpConnection, send: Send) -> None:
        self._connection = connection
        self._send = send
        self._parts: deque[tuple[Head | None, bytes, bool, int]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._owed = 0
        self._truncated = False
        self.begun = False
        """A head was put."""
        self.status = 0
        self.complete = False
        """The end was put, or will never come."""
        self.gone = False
        """The client is gone."""

    def begin(self, status: int, headers: Headers, data: bytes, more: bool, credit: int = 0) -> None:
        """Queue the head and the first part of the body."""
        self.begun = True
        self.status = status
        self._put((status, headers), data, more, credit)

    def go_on(self, data: bytes, more: bool, credit: int = 0) -> None:
        """Queue a part of the body; `credit` is its size when it came from the Worker."""
        self._put(None, data, more, credit)

    def truncate(self) -> None:
        """End it so that the client notices that data is missing."""
        self._truncated = self.complete = True
        self._wake()

    def leave(self) -> None:
        """The client is gone."""
        self.gone = True
        self._wake()

    def renew(self) -> None:
        """Go on with another Worker, which has its own window."""
        self._owed = 0

    def _put(self, head: Head | None, data: bytes, more: bool, credit: int) -> None:
        self._parts.append((head, data, more, credit))
        self.complete = self.complete or not more
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def write(self, loop: asyncio.AbstractEventLoop, grant: Callable[[int], None]) -> None:
        """Write until the end, or until the client is gone. `grant` gets how many bytes the client has read.

        It is not kept: a reference to its owner would leave each request to the garbage collector.
        """
        while True:
            while not self._parts:
                if self.gone:
                    return
                if self._truncated:
                    self._connection.transport.close()  # connection_lost then calls `leave`
                self._waiter = loop.create_future()
                await self._waiter
            head, data, more, credit = self._parts.popleft()
            if head is not None:
                await self._write_head(head, data, more)
            elif data or not more:
                await self._send({"type": "http.response.body", "body": data, "more_body": more})
            if not more:
                return
            self._owed += credit
            if self._owed >= WINDOW // 4:
                owed, self._owed = self._owed, 0
                grant(owed)

    async def _write_head(self, head: Head, data: bytes, more: bool) -> None:
        corked = self._connection.corked
        corked.cork()
        try:
            await self._send({"type": "http.response.start", "status": head[0], "headers": head[1]})
            if data or not more:
                await self._send({"type": "http.response.body", "body": data, "more_body": more})
        finally:
            corked.uncork()
