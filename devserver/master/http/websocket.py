"""One WebSocket: carries what its session decides to the client and to the Workers.

Law: as `session.py`. The client's messages are read no further than the session wants them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, assert_never

from devserver.ipc.messages import (
    Accept,
    Closed,
    Consumed,
    Detach,
    Disconnected,
    Message,
    Open,
    Respond,
    ResponseBody,
    StreamNews,
    WebSocketClose,
    WebSocketSend,
    WindowUpdate,
)
from devserver.master.http import websocket_commands as plan
from devserver.master.http.exchange import Scope
from devserver.master.http.pages.answers import Answer
from devserver.master.http.response import Send
from devserver.master.http.scope import accepted, wire_scope
from devserver.master.http.stream import WINDOW, Stream
from devserver.master.http.upload import Receive
from devserver.master.http.websocket_session import REJECTED, WebSocketSession

if TYPE_CHECKING:
    from devserver.master.http.gateway import Gateway

Event = dict[str, Any]


class WebSocket:
    """Lives from the upgrade to the end of the connection. `stamp` is the newest edit at its arrival."""

    def __init__(self, front: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.stamp = front.stamp()
        self.accept = accepted(scope)
        self._front = front
        self._receive = receive
        self._send = send
        path = scope["path"]
        self._session = WebSocketSession(
            front.may_resume(scope), front.is_settled, lambda: path in front.unresumable
        )
        self._stream: Stream | None = None
        self._resumed = False
        self._generation = 0
        """The code of the newest run."""
        self._out: deque[tuple[Event | None, int]] = deque()
        """What goes to the client, and the credit that is due for it; None ends the connection."""
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._owed = 0
        self._refusal: list[Event] = []
        """The app's own answer to the handshake, kept until it is whole: a Worker may die before."""
        self.native = False
        """The live code has handlers and no app: they are to have it."""

    async def run(self) -> None:
        """Serve the connection to its end, or return with `native` set."""
        await self._receive()  # websocket.connect
        self._front.sockets.add(self)
        self._front.admit(self)
        self._reader = asyncio.get_running_loop().create_task(self._read())
        try:
            await self._write()
        finally:
            self._front.sockets.discard(self)
            self._front.holding.discard(self)
            self._front.forget(self)
            self._reader.cancel()
            if not self.native:  # sending may have failed before the reader knew that the client is gone
                self._do(self._session.left(1006, ""))

    # to and from the client

    async def _read(self) -> None:
        while True:
            while self._session.full:
                self._room.clear()
                await self._room.wait()
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                self._do(self._session.left(event.get("code") or 1005, event.get("reason") or ""))
                self._put(None)
                return
            text = event.get("text")
            data = event["bytes"] if text is None else text.encode()
            self._do(self._session.said(self._front.stamp(), data, text is not None))
            if self._session.holds:
                self._front.holding.add(self)

    async def _write(self) -> None:
        while True:
            while not self._out:
                self._wake.clear()
                await self._wake.wait()
            event, credit = self._out.popleft()
            if event is None:
                return
            await self._send(event)
            self._owed += credit
            if self._owed >= WINDOW // 4 and self._stream is not None:
                owed, self._owed = self._owed, 0
                self._stream.send(WindowUpdate(self._stream.number, owed))

    def _put(self, event: Event | None, credit: int = 0) -> None:
        self._out.append((event, credit))
        self._wake.set()

    # what the front says

    @property
    def holds(self) -> bool:
        """Tell whether a message waits for a stream, or for an edit to be settled."""
        return self._session.phase != "closed" and self._session.holds

    @property
    def waits(self) -> bool:
        """Tell whether it has no Worker yet."""
        waiting = self._stream is None or self._stream.queued
        return waiting and self._session.phase in ("opening", "reopening")

    def answer(self, answer: Answer) -> None:
        """Refuse the handshake, or end what cannot go on."""
        if self._session.phase == "opening":
            self._put(
                {"type": "websocket.http.response.start", "status": answer.status, "headers": answer.headers}
            )
            self._put({"type": "websocket.http.response.body", "body": answer.body})
            self._put(None)
        self._do(self._session.turned_away())

    def without_app(self) -> None:
        """The code that runs has no app: its handlers may have the connection, if nobody had it before."""
        if self._session.phase == "opening" and self._front.has_handlers:
            self.native = True
            self._put(None)
        else:
            self._front.index(self)

    def offer(self) -> None:
        """Have it run as soon as there is a Worker."""
        self._stream = Stream(self)
        self._front.offer(self._stream)

    def moved(self, generation: int) -> None:
        """Newer code is live; a stream that has waited for it may run it by now."""
        stream = self._stream
        if stream is None or not stream.running or stream.worker.generation < generation:
            self._do(self._session.moved())

    def settled(self) -> None:
        """An edit was settled: messages may be given that waited for it."""
        self._do(self._session.deliver())

    # the stream's owner

    def startable(self) -> bool:
        return self._session.phase != "closed"

    def begin(self, stream: Stream) -> None:
        self._owed = 0
        self._generation = stream.worker.generation
        resumed = self._generation if self._resumed else 0
        stream.send(Open(stream.number, wire_scope(self.scope, resumed), False, False, WINDOW))
        self._do(self._session.started())

    def heard(self, stream: Stream, message: StreamNews) -> None:
        if stream is not self._stream:
            return
        match message:
            case Accept(subprotocol=subprotocol, headers=headers):
                self._do(self._session.accepted(subprotocol, headers))
            case WebSocketSend(data=data, text=text) if self._session.spoke():
                said = {"text": data.decode()} if text else {"bytes": data}
                self._put({"type": "websocket.send", **said}, len(data))
            case WebSocketClose(code=code, reason=reason):
                self._do(self._session.hung_up(code, reason))
            case Consumed():
                self._do(self._session.took())
                self._room.set()
            case Respond() | ResponseBody():
                self._refused(message)
            case Closed(failure=failure):
                self._stream = None
                self._do(self._session.ended(failure is not None))

    def lost(self, stream: Stream, reason: str) -> None:
        if stream is self._stream:
            self._stream = None
            self._do(self._session.died(reason))

    def _refused(self, message: Respond | ResponseBody) -> None:
        """The app answers the handshake with a response of its own."""
        if self._session.phase != "opening":
            self._do(self._session.hung_up(REJECTED, ""))
            return
        if isinstance(message, Respond):
            head = {
                "type": "websocket.http.response.start",
                "status": message.status,
                "headers": message.headers,
            }
            self._refusal = [head]
            data = message.body
        else:
            data = message.data
        self._refusal.append(
            {"type": "websocket.http.response.body", "body": data, "more_body": message.more}
        )
        if not message.more:
            self._session.phase = "closed"
            for event in (*self._refusal, None):
                self._put(event)

    # what the session decides

    def _do(self, commands: Iterable[plan.Command]) -> None:
        for command in commands:
            match command:
                case plan.AcceptClient() | plan.CloseClient() | plan.RefuseClient():
                    self._tell_client(command)
                case plan.Offer(resumed=resumed):
                    self._resumed = resumed
                    if resumed:
                        self._front.resumed(f"WebSocket {self.scope['path']}", 0)
                    self._front.admit(self)
                case plan.Deliver(data=data, text=text):
                    self._tell(Message, data, text)
                case plan.End():
                    self._tell(Detach)
                case plan.TellLeft(code=code, reason=reason):
                    self._tell(Disconnected, code, reason)
                    if self._stream is not None:
                        self._front.abandoned(self._stream)
                case plan.Remember(why=why):
                    self._front.remember(self.scope["path"], why, self._generation)
                case plan.Lost(what=what, reason=reason):
                    self._front.lost(f"{what} of WebSocket {self.scope['path']}", reason)
                case _:
                    assert_never(command)

    def _tell(self, kind: Any, *fields: Any) -> None:
        if self._stream is not None:
            self._stream.send(kind(self._stream.number, *fields))

    def _tell_client(self, command: plan.AcceptClient | plan.CloseClient | plan.RefuseClient) -> None:
        match command:
            case plan.AcceptClient(subprotocol=subprotocol, headers=headers):
                self._put({"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers})
                return
            case plan.CloseClient(code=code, reason=reason):
                if code:
                    self._put(_closing(code, reason))
            case plan.RefuseClient(status=403):
                self._put({"type": "websocket.close", "code": 1000})
            case plan.RefuseClient(status=status, text=text):
                # As text: uvicorn adds that.
                self._put({"type": "websocket.http.response.start", "status": status})
                self._put(
                    {"type": "websocket.http.response.body", "body": text.encode("utf-8", "backslashreplace")}
                )
        self._put(None)


def _closing(code: int, reason: str) -> Event:
    text = reason.encode("utf-8", "backslashreplace").decode()
    return {"type": "websocket.close", "code": code, "reason": text}
