"""One HTTP request and its response, over as many Workers as it takes.

Law: a request that no Worker has begun to answer, and that may be run again, is run once more elsewhere when
its Worker dies; a response that has begun is ended as truncated. Bodies go both ways by credit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from devserver.master.http import page
from devserver.master.http.eventstream import EventStream, is_event_stream, seam
from devserver.master.http.page import Answer
from devserver.master.http.protocol import HttpConnection
from devserver.master.http.scope import accepted, wire_scope
from devserver.master.http.stream import WINDOW, Stream
from devserver.wire.messages import (
    Closed,
    Detach,
    Disconnected,
    Grant,
    Headers,
    Open,
    RequestBody,
    Respond,
    ResponseBody,
    StreamNews,
    Taken,
)

if TYPE_CHECKING:
    from devserver.master.http.front import Front

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FAILED = Answer(
    500,
    [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21"), (b"connection", b"close")],
    b"Internal Server Error",
)

Part = tuple[tuple[int, Headers] | None, bytes, bool, int]
"""Head (with the first part), data, whether more follows, and the credit that is due once it is written."""


class Exchange:
    """Lives from the request's head to the end of its response. `stamp` is the newest edit at its arrival."""

    def __init__(self, front: Front, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.stamp = front.stamp()
        self._front = front
        self._receive = receive
        self._send = send
        self._connection = cast("HttpConnection", scope["state"]["connection"])
        self._stream: Stream | None = None
        self._left = False
        self._again = False
        # what goes up
        self._has_body, self._waits = _body_of(scope["headers"])
        self._credit = 0
        self._upload: asyncio.Task[None] | None = None
        self._more_credit = asyncio.Event() if self._has_body else None
        # what comes down
        self._parts: deque[Part] = deque()
        self._truncated = False
        self._waiter: asyncio.Future[None] | None = None
        self._owed = 0
        self._responded = False
        self._complete = False
        self._events: EventStream | None = None
        self._resuming = False
        """The event stream goes on elsewhere, which has not answered yet."""
        self._limit: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Have the request answered; return when the response is complete or the client has left."""
        self._connection.visit = self
        self._front.admit(self)
        try:
            await self._write()
        except BaseException:  # the app has nobody to talk to any more
            self._leave()
            raise
        finally:
            self._connection.visit = None
            self._finish()

    def _finish(self) -> None:
        if self._upload is not None:
            self._upload.cancel()
        if self._limit is not None:
            self._limit.cancel()
        if self._events is not None:
            self._front.streaming.discard(self)

    async def _write(self) -> None:
        while True:
            while not self._parts:
                if self._left:
                    return
                if self._truncated:
                    self._connection.transport.close()
                self._waiter = self._front.loop.create_future()
                await self._waiter
            head, data, more, credit = self._parts.popleft()
            if head is not None:
                await self._begin_answer(head, data, more)
            elif data or not more:
                await self._send({"type": "http.response.body", "body": data, "more_body": more})
            if not more:
                return
            self._owe(credit)

    async def _begin_answer(self, head: tuple[int, Headers], data: bytes, more: bool) -> None:
        corked = self._connection.corked
        corked.cork()
        try:
            await self._send({"type": "http.response.start", "status": head[0], "headers": head[1]})
            if data or not more:
                await self._send({"type": "http.response.body", "body": data, "more_body": more})
        finally:
            corked.uncork()

    def _owe(self, credit: int) -> None:
        self._owed += credit
        if self._owed >= WINDOW // 4 and self._stream is not None:
            owed, self._owed = self._owed, 0
            self._stream.send(Grant(self._stream.number, owed))

    def _put(self, part: Part) -> None:
        self._parts.append(part)
        self._complete = self._complete or not part[2]
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # what the front says

    @property
    def accept(self) -> bytes:
        """Return the Accept header."""
        return accepted(self.scope)

    def stop(self) -> None:
        """The server stops: what lasts ends now."""
        self._end()

    def answer(self, answer: Answer) -> None:
        """Answer without the app; where it has begun to answer, end that."""
        if self._responded:
            self._end()
            return
        self._responded = True
        self._put(((answer.status, answer.headers), answer.body, False, 0))

    def without_app(self) -> None:
        """The code that runs has no app."""
        self.answer(self._front.index(self.scope, self.accept))

    def offer(self) -> None:
        """Have it run as soon as there is a Worker."""
        self._stream = Stream(self)
        self._front.offer(self._stream)

    @property
    def waits(self) -> bool:
        """Tell whether it has no Worker yet."""
        return not (self._complete or self._left) and (self._stream is None or self._stream.queued)

    def moved(self, generation: int) -> None:
        """Newer code is live: what is an event stream goes on there, or ends before long."""
        if self._events is None or self._complete or self._is_new(generation):
            return
        if self._front.config.streams == "close":
            self._end()
        elif self._events.has_id and not self._events.broken:
            self._leave_stream()
            self._resume(generation)
        elif self._limit is None:
            limit = self._front.config.stream_limit
            self._limit = self._front.loop.call_later(limit, self._end)

    def _is_new(self, generation: int) -> bool:
        """Tell whether what has waited runs this generation by now, or will."""
        return self.waits or (self._stream is not None and self._stream.worker.generation >= generation)

    # what the connection says

    def client_left(self) -> None:
        """Whoever asked is gone."""
        if self.waits and not self._responded:
            self._front.lost(f"a waiting request, {self.name}", "its client has left")
        self._leave()
        self._wake()

    def _leave(self) -> None:
        self._left = True
        self._front.forget(self)
        if self._stream is not None and self._stream.running:
            self._stream.send(Disconnected(self._stream.number))
            self._front.abandoned(self._stream)

    @property
    def name(self) -> str:
        """Return method and path."""
        return f"{self.scope['method']} {self.scope['path']}"

    # the stream's owner

    def startable(self) -> bool:
        return not self._left and not self._complete

    def begin(self, stream: Stream) -> None:
        resumed = stream.worker.generation if self._events is not None else 0
        last_id = self._events.last_id if self._events is not None else None
        scope = wire_scope(self.scope, resumed, last_id)
        self._owed = 0
        stream.send(Open(stream.number, scope, self._has_body, self._waits, WINDOW))
        if self._has_body:
            self._credit = 0 if self._waits else WINDOW
            self._upload = self._front.loop.create_task(self._send_up(stream))

    def heard(self, stream: Stream, message: StreamNews) -> None:
        if stream is not self._stream:
            return
        match message:
            case Respond():
                self._respond(message)
            case ResponseBody(data=data, more=more):
                self._pass_on(None, data, more)
            case Taken(size=size) if self._more_credit is not None:
                self._credit += size or WINDOW
                self._more_credit.set()
            case Closed():
                self._stream = None
                self._closed()

    def lost(self, stream: Stream, reason: str) -> None:
        if stream is not self._stream:
            return
        self._stream = None
        if self._left:
            return
        if (
            self._events is not None
            and self._events.has_id
            and not self._events.broken
            and not self._complete
        ):
            self._resume(0)
        elif self._complete:
            self._front.lost(f"what {self.name} did after its answer", reason)
        elif self._responded:
            self._front.lost(f"the rest of the answer to {self.name}", reason)
            self._truncate()
        elif self.scope["method"] in REPEATABLE and not self._has_body and not self._again:
            self._again = True
            self._front.admit(self)
        else:
            self._front.lost(f"the request {self.name}", reason)
            self.answer(page.gone(f"The process that ran this request is gone: {reason}.", self.accept))

    # the body that goes up

    async def _send_up(self, stream: Stream) -> None:
        assert self._more_credit is not None
        more = True
        while more:
            while self._credit <= 0:
                self._more_credit.clear()
                await self._more_credit.wait()
            event = await self._receive()
            if event["type"] != "http.request":
                return
            data, more = event["body"], event["more_body"]
            self._credit -= len(data)
            stream.send(RequestBody(stream.number, data, more))

    # the response that comes down

    def _respond(self, message: Respond) -> None:
        is_stream = is_event_stream(self.scope["method"], message.status, message.headers)
        if self._events is not None:
            if not is_stream:  # the newer code answers something else: the client asks again by itself
                self._end()
                return
            assert self._stream is not None
            self._resuming = False
            self._put((None, seam(self._stream.worker.generation), True, 0))
            self._pass_on(None, message.body, message.more)
            return
        self._responded = True
        if is_stream:
            self._events = EventStream()
            self._front.streaming.add(self)
        self._pass_on((message.status, message.headers), message.body, message.more)
        if is_stream:
            self.moved(self._front.live)  # newer code may have gone live before the app began to answer

    def _pass_on(self, head: tuple[int, Headers] | None, data: bytes, more: bool) -> None:
        size = len(data)
        if self._events is not None:
            data = self._events.feed(data)
            if not more:
                data += self._events.rest()
        self._put((head, data, more, size))

    def _closed(self) -> None:
        """The app has returned."""
        if self._left or self._complete:
            return
        if self._resuming:
            self._end()
        elif self._responded:
            self._truncate()
        else:
            self.answer(_FAILED)

    def _truncate(self) -> None:
        self._truncated = self._complete = True
        self._wake()

    def _leave_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.send(Detach(stream.number))

    def _resume(self, generation: int) -> None:
        assert self._events is not None
        self._events.moved()
        self._resuming = True
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        self._front.resumed(self.name, generation)
        self._front.admit(self)

    def _end(self) -> None:
        """End the response as if the app had: an EventSource connects again by itself."""
        if not self._complete and not self._left:
            self._leave_stream()
            self._put((None, b"", False, 0))


def _body_of(headers: Headers) -> tuple[bool, bool]:
    """Return whether the request has a body, and whether its client waits to be asked for it."""
    has_body = waits = False
    for name, value in headers:
        match name:
            case b"content-length":
                has_body = has_body or value.strip() != b"0"
            case b"transfer-encoding":
                has_body = True
            case b"expect":
                waits = value.lower() == b"100-continue"
    return has_body, waits
