"""One WebSocket as the app sees it: `receive` and `send`, with uvicorn's checks and messages.

Law: a message is reported as consumed when the app receives it, so newer code can get the others. After a
detach `receive` returns a disconnect (1012), and the message in hand may finish.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

from devserver.common.failure import Failure
from devserver.ipc.messages import (
    Accept,
    Closed,
    Consumed,
    Disconnected,
    Message,
    Open,
    Respond,
    ResponseBody,
    WebSocketClose,
    WebSocketSend,
    WindowUpdate,
)
from devserver.worker.asgi.request import ClientDisconnected, checked_status
from devserver.worker.run.master_link import MasterLink

Event = dict[str, Any]
SERVICE_RESTART = 1012
GRACE = 0.25
"""Seconds after a detach in which an app without a message in hand may still send."""
FINISHING = 10.0
"""The same for an app with one."""
_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})
"""Valid close codes: RFC 6455, section 7.4, and its registry."""
LONGEST_REASON = 123
"""Bytes: RFC 6455, section 5.5."""


class WebSocket:
    """Lives from Open to Closed. `log` is called with the outcome of the handshake."""

    def __init__(self, order: Open, link: MasterLink, log: Callable[[str], None] | None) -> None:
        self.order = order
        self._stream = order.stream
        self._link = link
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._state: Literal["connecting", "refusing", "open", "closed"] = "connecting"
        self._events: deque[Event] = deque([{"type": "websocket.connect"}])
        self._changed: asyncio.Event | None = None
        self._credit = order.window
        self._end: Event | None = None
        """The disconnect that the app receives after all earlier messages."""
        self._deaf = False
        """Messages that the app sends are dropped."""
        self.in_hand = False
        self._detached = False
        self._outdated = False
        """The stream ends because newer code serves the client, not because the client has left."""
        self.has_disconnect = False
        """The app has received that disconnect: a later exception is not its fault."""
        self._refusal: tuple[int, list[tuple[bytes, bytes]]] | None = None

    # the Master's side

    def take(self, message: Message | WindowUpdate | Disconnected) -> None:
        """Handle a message of the Master's."""
        match message:
            case Message(data=data, text=True):
                self._events.append({"type": "websocket.receive", "text": data.decode()})
            case Message(data=data):
                self._events.append({"type": "websocket.receive", "bytes": data})
            case WindowUpdate(size=size):
                self._credit += size
            case Disconnected(code=code, reason=reason):
                self._end = {"type": "websocket.disconnect", "code": code, "reason": reason}
                self._deaf = True
        self._wake()

    def detach(self) -> float:
        """End the stream soon; return the seconds after which it is cancelled."""
        self._detached = True
        if self._end is None:  # else the app has yet to receive what the client sent before it left
            self._outdated = True
            self._events.clear()
            self._end = {"type": "websocket.disconnect", "code": SERVICE_RESTART, "reason": ""}
        limit = FINISHING if self.in_hand else GRACE
        self._loop.call_later(limit, self._deafen)
        self._wake()
        return limit

    def _deafen(self) -> None:
        self._deaf = True
        self._wake()

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
        """Return the next message, or the disconnect."""
        self.in_hand = False
        while not self._events:
            if self._end is not None:
                self.has_disconnect = self._outdated
                return dict(self._end)
            await self._wait()
        event = self._events.popleft()
        if event["type"] == "websocket.receive":
            self.in_hand = True
            self._link.send(Consumed(self._stream, 1))
        return event

    async def send(self, message: Event) -> None:
        """Send a message, or accept, refuse or close the connection.

        Raises ClientDisconnected, and RuntimeError for a message out of order.
        """
        while self._credit <= 0 and not self._deaf:
            await self._wait()
        if self._deaf:
            self.has_disconnect = self._outdated
            raise ClientDisconnected
        match self._state:
            case "connecting":
                self._decide(message)
            case "open":
                self._speak(message)
            case "refusing":
                self._refuse(message)
            case "closed":
                kind = message["type"]
                raise RuntimeError(f"Unexpected ASGI message '{kind}', after sending 'websocket.close'.")

    def _decide(self, message: Event) -> None:
        match message["type"]:
            case "websocket.accept":
                headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
                subprotocol = message.get("subprotocol") or None
                if not isinstance(subprotocol, str | None):
                    raise RuntimeError(f"Invalid WebSocket subprotocol {subprotocol!r}.")
                self._state = "open"
                self._say("[accepted]")
                self._link.answer(Accept(self._stream, subprotocol, headers))
            case "websocket.close":
                self._say("403")
                self._hang(1006, "")
            case "websocket.http.response.start":
                status = checked_status(message["status"])
                self._state = "refusing"
                self._say(str(status))
                headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
                self._refusal = (status, headers)
            case other:
                raise RuntimeError(
                    "Expected ASGI message 'websocket.accept', 'websocket.close' "
                    f"or 'websocket.http.response.start' but got '{other}'."
                )

    def _speak(self, message: Event) -> None:
        match message["type"]:
            case "websocket.send":
                data, text = message.get("bytes"), message.get("text")
                packed = bytes(data) if data is not None else (text or "").encode()
                if data is not None or text is not None:
                    self._credit -= len(packed)
                    self._link.answer(WebSocketSend(self._stream, packed, data is None))
            case "websocket.close":
                self._hang(*_checked_close(message.get("code", 1000), message.get("reason") or ""))
            case other:
                raise RuntimeError(
                    f"Expected ASGI message 'websocket.send' or 'websocket.close', but got '{other}'."
                )

    def _refuse(self, message: Event) -> None:
        if message["type"] != "websocket.http.response.body":
            kind = message["type"]
            raise RuntimeError(f"Expected ASGI message 'websocket.http.response.body' but got '{kind}'.")
        body, more = bytes(message.get("body", b"")), message.get("more_body", False)
        if self._refusal is not None:
            (status, headers), self._refusal = self._refusal, None
            self._link.answer(Respond(self._stream, status, headers, body, more))
        else:
            self._link.answer(ResponseBody(self._stream, body, more))
        if not more:
            self._finish(1006, "")

    def _hang(self, code: int, reason: str) -> None:
        if not self._detached:  # else newer code serves the client by now
            self._link.send(WebSocketClose(self._stream, code, reason))
        self._finish(code, reason)

    def _finish(self, code: int, reason: str) -> None:
        self._state = "closed"
        self._end = self._end or {"type": "websocket.disconnect", "code": code, "reason": reason}
        self._wake()

    def _say(self, what: str) -> None:
        if self._log is not None:
            self._log(what)

    # the end

    def close(self, failure: Failure | None) -> None:
        """Report that the app has returned or raised."""
        self._link.send(Closed(self._stream, failure))

    def complaint(self) -> str:
        """Return what an app that has returned by now did wrong, "" if nothing."""
        if self._state == "connecting" and self._end is None:
            return "ASGI callable returned without completing handshake."
        return ""


def _checked_close(code: Any, reason: str) -> tuple[int, str]:
    """Return an app's close as it can be sent. Raises RuntimeError if it cannot."""
    if code not in _CODES:
        raise RuntimeError(f"Invalid WebSocket close code '{code}'.")
    if len(reason.encode()) > LONGEST_REASON:
        raise RuntimeError(f"WebSocket close reason longer than {LONGEST_REASON} bytes.")
    return int(code), reason
