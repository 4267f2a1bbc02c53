"""A WSGI app as an ASGI app: a2wsgi's environ, and the rest by PEP 3333.

Laws: the head leaves with the first part of the body that is not empty; if the app fails before, the client
gets a 500. The thread of a request whose client has left ends at the next part that it sends, as under the
frameworks' own servers. It never waits for ever.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import sys
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from a2wsgi.wsgi import WSGIMiddleware, build_environ

from devserver.worker.asgi.request import ClientDisconnected

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Event = dict[str, Any]


class _Input(io.RawIOBase):
    """The body of a request, read in the app's thread; with a buffer around it, a `wsgi.input` by PEP 3333.

    a2wsgi's own ends a `readline(limit)` too early. `endless`: the length is unknown until the body's end, so
    a client that leaves before has to raise.
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


class _Responder:
    """One request; all methods except `run` are called in the thread that runs the app."""

    def __init__(self, app: Any, scope: Any, receive: Any, send: Any) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._send_event = send
        self._loop = asyncio.get_running_loop()
        self._head: Event | None = None
        """The start of the response, from `start_response` on."""
        self._begun = False
        """The head has left, so it cannot be replaced."""
        self._complete = False
        self._nobody = False
        """There is no client any more: what is sent is dropped."""
        self._sending: Future[None] | None = None

    async def run(self, executor: ThreadPoolExecutor) -> None:
        """Run the app in `executor`. Raises what the app raises."""
        answer = contextvars.copy_context().run
        try:
            await self._loop.run_in_executor(executor, answer, self._answer)
        finally:
            self._nobody = True
            if self._sending is not None:
                self._sending.cancel()

    def _answer(self) -> None:
        try:
            parts = self._app(self._environ(), self._start_response)
            try:
                self._send_parts(parts)
            finally:
                if close := getattr(parts, "close", None):
                    close()
        except ClientDisconnected:
            pass

    def _environ(self) -> dict[str, Any]:
        headers = self._scope["headers"]
        # Without a Content-Length, Werkzeug reads up to the end only where it learns that there is one.
        chunked = any(n == b"transfer-encoding" and b"chunked" in value.lower() for n, value in headers)
        body: Any = io.BufferedReader(_Input(self._loop, self._receive, endless=chunked))
        environ: dict[str, Any] = dict(build_environ(self._scope, body))
        environ["wsgi.input_terminated"] = chunked
        environ["wsgi.errors"] = sys.stderr  # that of a2wsgi is standard output
        return environ

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Keep the head; with `exc_info`, replace the earlier one, or raise if that has left."""
        if exc_info is not None:
            try:
                if self._begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it would refer to this frame, and this frame to it
        elif self._head is not None:
            raise RuntimeError("start_response was called again, and without exc_info.")
        self._head = {
            "type": "http.response.start",
            "status": int(status.split(None, 1)[0]),
            "headers": [
                (name.strip().encode("latin1").lower(), value.strip().encode("latin1"))
                for name, value in headers
            ],
        }
        return self._send_part

    def _send_parts(self, parts: Any) -> None:
        last = len(parts) - 1 if isinstance(parts, list | tuple) else None
        for number, part in enumerate(parts):
            if part or self._begun:
                self._send_part(part, more=number != last)
        if not self._complete:
            self._send_part(b"", more=False)

    def _send_part(self, part: bytes, *, more: bool = True) -> None:
        """Send a part of the body, after the head."""
        if self._head is None:
            raise RuntimeError("The app has sent a body, or returned, without calling start_response.")
        if not isinstance(part, bytes | bytearray | memoryview):
            raise TypeError(f"A part of the body is {type(part).__name__}, not bytes.")
        body = {"type": "http.response.body", "body": part, "more_body": more}
        if self._begun:
            self._send(body)
        else:
            self._begun = True
            self._send(self._head, body)
        self._complete = not more

    def _send(self, *events: Event) -> None:
        if self._nobody or self._loop.is_closed():
            raise ClientDisconnected
        self._sending = asyncio.run_coroutine_threadsafe(self._send_all(events), self._loop)
        if self._nobody:  # `run` has ended since
            self._sending.cancel()
        try:
            self._sending.result()
        except CancelledError:
            raise ClientDisconnected from None

    async def _send_all(self, events: tuple[Event, ...]) -> None:
        for event in events:
            await self._send_event(event)


class WSGI(WSGIMiddleware):
    """The app on `threads` threads."""

    def __init__(self, app: Any, threads: int) -> None:
        super().__init__(app, workers=threads)
        self.executor: ThreadPoolExecutor

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await _Responder(self.app, scope, receive, send).run(self.executor)
        else:
            await super().__call__(scope, receive, send)
