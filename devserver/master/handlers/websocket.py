"""A WebSocket whose messages go to the module's handlers: each message is a frame, and so is each answer.

Law: UTF-8 goes out as text, other data as bytes. An empty message has the kind of the client's last one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

from devserver.master.handlers.client import Client
from devserver.master.handlers.router import Router

Event = dict[str, Any]

NORMAL = 1000
SERVICE_RESTART = 1012
"""Close codes of RFC 6455, section 7.4, and its registry: clients that know 1012 reconnect."""


class _Transport(asyncio.Transport):
    """The transport of a WebSocket's connection; FramedSocket's tasks do the I/O."""

    def __init__(self, client: tuple[str, int] | None) -> None:
        super().__init__({"peername": client})
        self.out: deque[bytes | None] = deque()
        """None: close."""
        self.changed = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()
        self.size = 0
        self.protocol: asyncio.BaseProtocol
        self._high = self._low = 0
        self._paused = False
        self._closing = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high, self._low = high or 0, low or 0

    def write(self, data: Any) -> None:
        if not self._closing:
            self.out.append(bytes(data))
            self.size += len(data)
            self.changed.set()
            if self.size > self._high and not self._paused:
                self._paused = True
                cast("Client", self.protocol).pause_writing()

    def written(self, size: int) -> None:
        """The client has read `size` bytes."""
        self.size -= size
        if self._paused and self.size <= self._low:
            self._paused = False
            cast("Client", self.protocol).resume_writing()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self.out.append(None)
            self.changed.set()
            self.reading.set()  # read on until the client closes

    def abort(self) -> None:
        self.out.clear()
        self._closing = False
        self.close()

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self.reading.clear()

    def resume_reading(self) -> None:
        self.reading.set()


class FramedSocket:
    """Lives from the handshake to the end of the connection."""

    def __init__(
        self,
        router: Router,
        receive: Callable[[], Awaitable[Event]],
        send: Callable[[Event], Awaitable[None]],
        client: tuple[str, int] | None,
    ) -> None:
        self._router = router
        self._receive = receive
        self._send = send
        self._transport = _Transport(client)
        self._binary = False
        """The client's last message was binary."""

    async def run(self) -> None:
        """Accept, and carry messages to and from the handlers until one side closes."""
        client = self._router.connect("websocket")
        await self._send({"type": "websocket.accept"})
        self._transport.protocol = client
        client.connection_made(self._transport)
        writing = asyncio.get_running_loop().create_task(self._write())
        try:
            await self._read(client)
        finally:
            client.connection_lost(None)
            writing.cancel()

    async def _read(self, client: Client) -> None:
        while True:
            await self._transport.reading.wait()
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                return
            if self._transport.is_closing():
                continue
            text = event.get("text")
            self._binary = text is None
            client.data_received(event["bytes"] if text is None else text.encode())

    async def _write(self) -> None:
        out = self._transport.out
        while True:
            while not out:
                self._transport.changed.clear()
                await self._transport.changed.wait()
            data = out.popleft()
            try:
                await self._send(self._event(data))
            except OSError:  # the client is gone
                return
            if data is None:
                return
            self._transport.written(len(data))

    def _event(self, data: bytes | None) -> Event:
        if data is None:
            return {"type": "websocket.close", "code": SERVICE_RESTART if self._router.closing else NORMAL}
        if data or not self._binary:
            with suppress(UnicodeDecodeError):
                return {"type": "websocket.send", "text": data.decode()}
        return {"type": "websocket.send", "bytes": data}
