"""One WebSocket: carries out its session's decisions, towards the client and the Workers.

Law: that of websocket_session. It does not read the client's messages while the session is full.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any, assert_never

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
    StreamMessage,
    WebSocketClose,
    WebSocketSend,
    WindowUpdate,
)
from devserver.master.http import websocket_commands as commands
from devserver.master.http.app_job import WINDOW, AppJob, Scope
from devserver.master.http.context import Context
from devserver.master.http.pages.answers import Answer
from devserver.master.http.response import Send
from devserver.master.http.scope import wire_scope
from devserver.master.http.upload import Receive
from devserver.master.http.websocket_session import WebSocketSession

Event = dict[str, Any]


class WebSocket(AppJob):
    """Lives from the upgrade to the end of the connection."""

    def __init__(self, context: Context, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, context.stamp())
        self._context = context
        self._receive = receive
        self._send = send
        resumption, path = context.resumption, scope["path"]
        self._session = WebSocketSession(
            resumption.may_resume(scope), context.admission.is_settled, lambda: resumption.is_barred(path)
        )
        self._resumed = False
        self._out: deque[tuple[Event | None, int]] = deque()
        """Events for the client, each with the bytes to credit; None ends the connection."""
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._owed = 0
        self._refusal: list[Event] = []
        """The app's own answer to the handshake, kept until it is complete: the Worker may die before."""
        self.for_handlers = False
        """The live code has handlers and no app: the handlers serve it."""

    async def run(self) -> None:
        """Serve the connection to its end, or return with `for_handlers` set."""
        await self._receive()  # websocket.connect
        self._context.admission.admit(self)
        self._reader = asyncio.get_running_loop().create_task(self._read())
        try:
            await self._write()
        finally:
            self._context.admission.forget_messages(self)
            self._context.admission.forget(self)
            self._reader.cancel()
            if (
                not self.for_handlers
            ):  # sending may have failed before the reader noticed that the client is gone
                self._do(self._session.on_client_left(1006, ""))

    # to and from the client

    async def _read(self) -> None:
        while True:
            while self._session.full:
                self._room.clear()
                await self._room.wait()
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                self._do(self._session.on_client_left(event.get("code") or 1005, event.get("reason") or ""))
                self._put(None)
                return
            text = event.get("text")
            data = event["bytes"] if text is None else text.encode()
            self._do(self._session.on_client_message(self._context.stamp(), data, text is not None))
            if self._session.holds:
                self._context.admission.hold_messages(self)

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
            if self._owed >= WINDOW // 4 and self.number:
                owed, self._owed = self._owed, 0
                self.send(WindowUpdate(self.number, owed))

    def _put(self, event: Event | None, credit: int = 0) -> None:
        self._out.append((event, credit))
        self._wake.set()

    # admission

    @property
    def name(self) -> str:
        """Return its name in reports."""
        return f"WebSocket {self.scope['path']}"

    @property
    def holds(self) -> bool:
        """Return whether a message waits for a run, or for an edit to be settled."""
        return self._session.phase != "closed" and self._session.holds

    @property
    def waits(self) -> bool:
        return not self.number and self._session.phase in ("opening", "reopening")

    def answer(self, answer: Answer) -> None:
        """Refuse the handshake, or close a connection that cannot go on."""
        if self._session.phase == "opening":
            self._put(
                {"type": "websocket.http.response.start", "status": answer.status, "headers": answer.headers}
            )
            self._put({"type": "websocket.http.response.body", "body": answer.body})
            self._put(None)
        self._do(self._session.on_turned_away())

    def without_app(self) -> None:
        """The live code has no app: leave the connection to its handlers, unless an app has accepted it."""
        if self._session.phase == "opening" and self._context.dispatcher.code.framing is not None:
            self.for_handlers = True
            self._put(None)
        else:
            self._context.index.answer(self.scope, self.accept, self.answer)

    def on_settled(self) -> None:
        """Let the session send messages that waited for an edit that is settled now."""
        self._do(self._session.deliver())

    # the runs

    def startable(self) -> bool:
        return self._session.phase != "closed"

    def open_run(self, number: int) -> None:
        self._owed = 0
        resumed = self.generation if self._resumed else 0
        self.send(Open(number, wire_scope(self.scope, resumed), False, False, WINDOW))
        self._do(self._session.on_run_started())

    def on_message(self, message: StreamMessage) -> None:
        if message.stream != self.number:
            return
        match message:
            case Accept(subprotocol=subprotocol, headers=headers):
                self._do(self._session.on_app_accepted(subprotocol, headers))
            case WebSocketSend(data=data, text=text) if self._session.on_app_sent():
                content = {"text": data.decode()} if text else {"bytes": data}
                self._put({"type": "websocket.send", **content}, len(data))
            case WebSocketClose(code=code, reason=reason):
                self._do(self._session.on_app_closed(code, reason))
            case Consumed():
                self._do(self._session.on_app_received())
                self._room.set()
            case Respond() | ResponseBody():
                self._on_own_answer(message)
            case Closed(failure=failure):
                self.number = 0
                self._do(self._session.on_app_returned(failure is not None))

    def on_run_lost(self, reason: str) -> None:
        self._do(self._session.on_worker_died(reason))

    def move(self, generation: int) -> None:
        """Let the session decide, unless the run has started on that code."""
        if not self.number or self.generation < generation:
            self._do(self._session.on_code_live())

    def _on_own_answer(self, message: Respond | ResponseBody) -> None:
        """The app answers the handshake with a response of its own."""
        if self._session.phase == "opening":
            self._keep(message)
        self._do(self._session.on_app_answered(whole=not message.more))

    def _keep(self, message: Respond | ResponseBody) -> None:
        kind, data = "websocket.http.response", message.body if isinstance(message, Respond) else message.data
        if isinstance(message, Respond):
            head = {"type": f"{kind}.start", "status": message.status, "headers": message.headers}
            self._refusal = [head]
        self._refusal.append({"type": f"{kind}.body", "body": data, "more_body": message.more})

    # the session's decisions

    def _do(self, decided: Iterable[commands.Command]) -> None:
        for command in decided:
            match command:
                case (
                    commands.AcceptClient()
                    | commands.CloseClient()
                    | commands.RefuseClient()
                    | commands.PassOnAnswer()
                ):
                    self._to_client(command)
                case commands.Offer(resumed=resumed):
                    self._resumed = resumed
                    if resumed:
                        self._context.report_resumed(self.name)
                    self._context.admission.admit(self)
                case commands.Deliver(data=data, text=text):
                    self.send(Message(self.number, data, text))
                case commands.DetachRun():
                    self.send(Detach(self.number))
                case commands.ReportClientLeft(code=code, reason=reason):
                    self.send(Disconnected(self.number, code, reason))
                    self.client_gone = True
                case commands.Remember(why=why):
                    self._context.resumption.bar(self.scope["path"], why, self.generation)
                case commands.Lost(what=what, reason=reason):
                    self._context.report_lost(f"{what} of {self.name}", reason)
                case _:
                    assert_never(command)

    def _to_client(
        self,
        command: commands.AcceptClient | commands.CloseClient | commands.RefuseClient | commands.PassOnAnswer,
    ) -> None:
        match command:
            case commands.AcceptClient(subprotocol=subprotocol, headers=headers):
                self._put({"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers})
                return
            case commands.CloseClient(code=code, reason=reason):
                if code:
                    self._put(_closing(code, reason))
            case commands.PassOnAnswer():
                for event in self._refusal:
                    self._put(event)
            case commands.RefuseClient(status=403):
                self._put({"type": "websocket.close", "code": 1000})
            case commands.RefuseClient(status=status, text=text):
                # As text: uvicorn adds that.
                self._put({"type": "websocket.http.response.start", "status": status})
                self._put(
                    {"type": "websocket.http.response.body", "body": text.encode("utf-8", "backslashreplace")}
                )
        self._put(None)


def _closing(code: int, reason: str) -> Event:
    text = reason.encode("utf-8", "backslashreplace").decode()
    return {"type": "websocket.close", "code": code, "reason": text}
