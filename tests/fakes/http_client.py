"""A client without a socket: it keeps every event that uvicorn would write to it."""

from __future__ import annotations

import asyncio
from typing import Any

from devserver.master.http.gateway import Gateway
from tests.fakes.clock import turns


class FakeUvicornTransport:
    """A connection that is lost as soon as it is closed."""

    def __init__(self, connection: FakeUvicornProtocol) -> None:
        self.closed = False
        self._connection = connection

    def close(self) -> None:
        self.closed = True
        asyncio.get_running_loop().call_soon(self._connection.lose)

    def cork(self) -> None:
        pass

    def uncork(self) -> None:
        pass


class FakeUvicornProtocol:
    """uvicorn's protocol of one connection, as far as the Gateway knows it."""

    def __init__(self) -> None:
        self.listener: Any = None
        self.transport = self.corked = FakeUvicornTransport(self)

    def lose(self) -> None:
        if self.listener is not None:
            self.listener.on_client_left()


class FakeClient:
    """A client with a request or a WebSocket. `got` has every event that uvicorn would write."""

    def __init__(self, gateway: Gateway, scope: dict[str, Any], connection: FakeUvicornProtocol) -> None:
        self.got: list[dict[str, Any]] = []
        self.says: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.connection = connection
        self.asked = 0
        """How often the Gateway asked for its next event."""
        self.reads = asyncio.Event()
        self.reads.set()
        self.fails: Exception | None = None
        self.task = asyncio.get_running_loop().create_task(gateway.app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        self.asked += 1
        return await self.says.get()

    async def _send(self, event: dict[str, Any]) -> None:
        await self.reads.wait()
        if self.fails is not None:
            raise self.fails
        self.got.append(event)

    def says_body(self, data: bytes, more: bool = False) -> None:
        self.says.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def says_text(self, text: str) -> None:
        self.says.put_nowait({"type": "websocket.receive", "text": text})

    async def leaves(self) -> None:
        """Close the connection, whatever is under way."""
        self.says.put_nowait({"type": "websocket.disconnect", "code": 1005})
        self.connection.lose()
        await turns()

    @property
    def status(self) -> int:
        """Return the status that it got, or 0 if it has got no response."""
        return next((event["status"] for event in self.got if "status" in event), 0)

    @property
    def body(self) -> bytes:
        """Return the part of the body that it got."""
        return b"".join(event.get("body", b"") for event in self.got)

    @property
    def complete(self) -> bool:
        """Return whether it got the whole response."""
        return bool(self.got) and self.got[-1].get("more_body") is False

    @property
    def messages(self) -> list[Any]:
        """Return the messages that it got."""
        said = [event for event in self.got if event["type"] == "websocket.send"]
        return [event.get("text", event.get("bytes")) for event in said]
