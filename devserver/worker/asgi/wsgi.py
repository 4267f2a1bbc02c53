"""A WSGI app as an ASGI app: a2wsgi, with an end for responses that nobody takes any more, and our input.

Law: the thread of a request whose client has left ends at the next part that it sends, as under the
frameworks' own servers; it never waits for ever.
"""

from __future__ import annotations

import asyncio
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from a2wsgi.wsgi import WSGIMiddleware, WSGIResponder

from devserver.worker.asgi.request import ClientDisconnected

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _Input(io.RawIOBase):
    """The body of a request, read in the app's thread. Buffered, it is what PEP 3333 asks of `wsgi.input`.

    That of a2wsgi ends a `readline(limit)` too early. `endless`: only the end of the body tells its length,
    and a client that leaves before it has to be told from one that has sent all.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, receive: Any, *, endless: bool) -> None:
        super().__init__()
        self._loop = loop
        self._receive = receive
        self._endless = endless
        self._data = b""
        self._more = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while self._more and not self._data:
            event = asyncio.run_coroutine_threadsafe(self._receive(), self._loop).result()
            if event["type"] == "http.disconnect" and self._endless:
                raise ClientDisconnected
            self._data, self._more = event.get("body", b""), event.get("more_body", False)
        room = memoryview(buffer).cast("B")
        part, self._data = self._data[: len(room)], self._data[len(room) :]
        room[: len(part)] = part
        return len(part)


class _Responder(WSGIResponder):
    """One request. `_nobody` is set once sending has failed, `_running` while it has a thread."""

    _nobody = False
    _running = False

    async def sender(self, send: Any) -> None:
        try:
            await super().sender(send)
        except (Exception, asyncio.CancelledError) as error:
            self._nobody = True
            while self._running:
                await self.send_queue.get()  # the thread may wait for room to put one more
            if not isinstance(error, ClientDisconnected | asyncio.CancelledError):
                raise  # the app's own fault: a body longer than it said, for one

    def send(self, message: Any) -> None:
        if self._nobody:
            raise ClientDisconnected
        super().send(message)

    def wsgi(self, environ: Any, start_response: Any) -> None:
        self._running = True
        # Without a Content-Length, Werkzeug reads up to the end only where it is told that there is one.
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        body = _Input(self.loop, environ["wsgi.input"].receive, endless=chunked)
        environ["wsgi.input"] = io.BufferedReader(body)
        environ["wsgi.input_terminated"] = chunked
        environ["wsgi.errors"] = sys.stderr  # that of a2wsgi is standard output
        try:
            super().wsgi(environ, start_response)
        except ClientDisconnected:
            pass
        finally:
            with suppress(RuntimeError):  # the loop is closed
                self.loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._running = False
        if self._nobody and self.send_queue.empty():
            self.send_queue.put_nowait(None)


class WSGI(WSGIMiddleware):
    """The app on `threads` threads."""

    def __init__(self, app: Any, threads: int) -> None:
        super().__init__(app, workers=threads)
        self.executor: ThreadPoolExecutor

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await _Responder(self.app, self.executor, self.send_queue_size)(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
