"""A WSGI app as an ASGI app: a2wsgi, with an end for responses that nobody takes any more.

Law: the thread of a request whose client has left ends at the next part that it sends, as under the
frameworks' own servers; it never waits for ever.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from a2wsgi.wsgi import WSGIMiddleware, WSGIResponder

from devserver.worker.asgi.request import ClientDisconnected


class _Responder(WSGIResponder):
    """One request. `_nobody` is set once sending has failed, `_over` when the thread has ended."""

    _nobody = False
    _over = False

    async def sender(self, send: Any) -> None:
        try:
            await super().sender(send)
        except (Exception, asyncio.CancelledError) as error:
            self._nobody = True
            while not self._over:
                await self.send_queue.get()  # the thread may wait for room to put one more
            if not isinstance(error, ClientDisconnected | asyncio.CancelledError):
                raise  # the app's own fault: a body longer than it said, for one

    def send(self, message: Any) -> None:
        if self._nobody:
            raise ClientDisconnected
        super().send(message)

    def wsgi(self, environ: Any, start_response: Any) -> None:
        try:
            super().wsgi(environ, start_response)
        except ClientDisconnected:
            pass
        finally:
            with suppress(RuntimeError):  # the loop is closed
                self.loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._over = True
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
