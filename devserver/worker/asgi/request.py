"""One HTTP request as the app sees it: `receive` and `send`, with uvicorn's checks and messages.

Laws: no byte of a body beyond the Master's window leaves the Worker. The Worker asks the Master for a body
only when the app receives it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from devserver.common.failure import Failure
from devserver.ipc.messages import (
    Closed,
    Consumed,
    Disconnected,
    Headers,
    Open,
    RequestBody,
    Respond,
    ResponseBody,
    WindowUpdate,
)
from devserver.worker.run.master_link import MasterLink

Event = dict[str, Any]

_BAD_NAME = re.compile(rb'[\x00-\x1f\x7f()<>@,;:\\[\]={} \t"]')
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_STATUSES = range(100, 600)
_NO_BODY = (204, 304)


class ClientDisconnected(OSError):
    """Raised by `send` when the client has left."""


def checked_status(status: Any) -> int:
    """Return an app's status as an int. Raises RuntimeError if it is invalid."""
    if status not in _STATUSES:
        raise RuntimeError(f"Invalid HTTP status code '{status}' in response.")
    return int(status)


class Request:
    """Lives from Open to Closed. `log` is called with the status when the response starts.

    Once the client has left, `send` does nothing, as in uvicorn; with `raises` it raises ClientDisconnected.
    """

    __slots__ = (
        "_body",
        "_changed",
        "_complete",
        "_credit",
        "_ended",
        "_expected",
        "_gone",
        "_head",
        "_length_known",
        "_link",
        "_log",
        "_loop",
        "_more",
        "_outdated",
        "_raises",
        "_started",
        "_waits",
        "has_disconnect",
        "order",
    )

    def __init__(
        self, order: Open, link: MasterLink, log: Callable[[int], None] | None, *, raises: bool = False
    ) -> None:
        self.order = order
        self._link = link
        self._log = log
        self._raises = raises
        self._loop = asyncio.get_running_loop()
        self._changed: asyncio.Event | None = None
        """Created by the first call that waits."""
        # what comes in
        self._body = bytearray()
        self._more = order.more
        self._waits = order.waits
        self._ended = False
        """The app has received the end of the body."""
        self._gone = False
        self._outdated = False
        """The client is gone because newer code serves it now."""
        self.has_disconnect = False
        """The app has received that disconnect: a later exception is not its fault."""
        # what goes out
        self._credit = order.window
        self._head: tuple[int, Headers] | None = None
        """The head of the response, until the first part of its body or the end of this turn of the loop."""
        self._started = False
        self._complete = False
        self._length_known: bool | None = None
        """False: chunked."""
        self._expected = 0

    # the Master's side

    def take(self, message: RequestBody | WindowUpdate | Disconnected) -> None:
        """Handle a message of the Master's."""
        match message:
            case RequestBody(data=data, more=more):
                self._body += data
                self._more = more
                if not data and more:
                    return
            case WindowUpdate(size=size):
                self._credit += size
            case Disconnected():
                self._gone = True
        self._wake()

    def detach(self) -> float:
        """Make the client look disconnected to the app: newer code continues the response, or it is over."""
        self._outdated = not self._gone
        self._gone = True
        self._wake()
        return 0.0

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()

    async def _wait(self) -> None:
        if self._changed is None:
            self._changed = asyncio.Event()
        self._changed.clear()
        await self._changed.wait()

    # the app's side

    async def receive(self) -> Event:
        """Return the next part of the body; after that, wait until the client leaves or the response ends."""
        while not (self._gone or self._complete):
            if self._body or not (self._more or self._ended):
                return self._take_body()
            if self._waits:
                self._waits = False
                self._link.send(Consumed(self.order.stream, 0))
            await self._wait()
        self.has_disconnect = self._outdated
        return {"type": "http.disconnect"}

    def _take_body(self) -> Event:
        data, self._body = bytes(self._body), bytearray()
        self._ended = not self._more
        if data and self._more:
            self._link.send(Consumed(self.order.stream, len(data)))
        return {"type": "http.request", "body": data, "more_body": self._more}

    async def send(self, message: Event) -> None:
        """Send the start of the response or a part of its body. Raises RuntimeError out of order."""
        while self._credit <= 0 and not (self._gone or self._complete):
            await self._wait()
        if self._gone:
            if self._raises:
                self.has_disconnect = self._outdated
                raise ClientDisconnected
            return
        if self._complete:
            raise RuntimeError(
                f"Unexpected ASGI message '{message['type']}' sent, after response already completed."
            )
        if not self._started:
            self._start(message)
        elif message["type"] == "http.response.body":
            await self._send_body(message.get("body") or b"", message.get("more_body", False))
        else:
            raise RuntimeError(f"Expected ASGI message 'http.response.body', but got '{message['type']}'.")

    def _start(self, message: Event) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"Expected ASGI message 'http.response.start', but got '{message['type']}'.")
        status = checked_status(message["status"])
        headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
        for name, value in headers:
            if _BAD_NAME.search(name):
                raise RuntimeError("Invalid HTTP header name.")
            if _BAD_VALUE.search(value):
                raise RuntimeError("Invalid HTTP header value.")
            self._note_length(name.lower(), value)
        if self._length_known is None:
            self._length_known = status in _NO_BODY
        self._started = True
        self._head = (status, headers)
        if self._log is not None:
            self._log(status)
        self._loop.call_soon(self._flush_head)

    def _note_length(self, name: bytes, value: bytes) -> None:
        if name == b"content-length" and self._length_known is None:
            self._length_known, self._expected = True, int(value.decode())
        elif name == b"transfer-encoding" and value.lower() == b"chunked":
            self._length_known, self._expected = False, 0

    def _flush_head(self) -> None:
        """Send the head of the response now: the app does something else before it sends a body."""
        if self._head is not None:
            (status, headers), self._head = self._head, None
            self._link.answer(Respond(self.order.stream, status, headers, more=True))

    async def _send_body(self, body: bytes, more: bool) -> None:
        short = 0
        if self.order.scope.method == "HEAD":
            body, self._expected = b"", 0
        elif self._length_known:
            if len(body) > self._expected:
                raise RuntimeError("Response content longer than Content-Length")
            self._expected -= len(body)
            short = 0 if more else self._expected
        rest = body if len(body) <= self._credit else await self._pass_on_most(memoryview(body))
        self._pass_on(rest, more or short > 0)
        if short:
            raise RuntimeError("Response content shorter than Content-Length")
        if not more:
            self._complete = True
            self._wake()

    async def _pass_on_most(self, body: memoryview) -> memoryview:
        """Send all but the last part of a body, as the window allows; return that last part."""
        while len(body) > self._credit and not self._gone:
            part, body = body[: self._credit], body[self._credit :]
            self._pass_on(part, True)
            while self._credit <= 0 and not self._gone:
                await self._wait()
        return body[:0] if self._gone else body

    def _pass_on(self, body: bytes | memoryview, more: bool) -> None:
        self._credit -= len(body)
        if self._head is not None:
            (status, headers), self._head = self._head, None
            self._link.answer(Respond(self.order.stream, status, headers, bytes(body), more))
        else:
            self._link.answer(ResponseBody(self.order.stream, bytes(body), more))

    # the end

    def close(self, failure: Failure | None) -> None:
        """Report that the app has returned or raised."""
        self._flush_head()
        self._link.queue(Closed(self.order.stream, failure))

    def complaint(self) -> str:
        """Return what an app that has returned by now did wrong, "" if nothing."""
        if self._gone or self._complete:
            return ""
        what = "completing" if self._started else "starting"
        return f"ASGI callable returned without {what} response."
