"""One HTTP request and its response, over as many Workers as it takes.

Law: a request that no Worker has begun to answer, and that may be run again, is run once more elsewhere when
its Worker dies; a response that has begun is ended as truncated. Bodies go both ways by credit.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from devserver.common.events import Request
from devserver.common.failure import Failure
from devserver.ipc.messages import (
    Closed,
    Consumed,
    Detach,
    Disconnected,
    Open,
    Respond,
    ResponseBody,
    StreamNews,
    WindowUpdate,
)
from devserver.master.http.event_stream import EventStream, is_event_stream, seam
from devserver.master.http.held_error import HeldError
from devserver.master.http.pages import answers as page
from devserver.master.http.pages.answers import Answer
from devserver.master.http.request_log import full_path
from devserver.master.http.response import Head, Response, Send
from devserver.master.http.scope import accepted, wire_scope
from devserver.master.http.stream import WINDOW, Stream
from devserver.master.http.upload import Receive, upload_of

if TYPE_CHECKING:
    from devserver.master.http.gateway import Gateway

Scope = dict[str, Any]

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FAILED = Answer(
    500,
    [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21"), (b"connection", b"close")],
    b"Internal Server Error",
)


class Exchange:
    """Lives from the request's head to the end of its response. `stamp` is the newest edit at its arrival."""

    def __init__(self, front: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.stamp = front.stamp()
        self._front = front
        self._connection = scope["state"]["connection"]
        self._stream: Stream | None = None
        self._upload = upload_of(scope["headers"], receive)
        self._response = Response(self._connection, send, self._grant)
        self._page = front.refresh.navigation(scope)
        self._error = HeldError(self._pass_on, front.loop) if front.shows_errors(scope) else None
        self._again = False
        self._events: EventStream | None = None
        self._resuming = False
        """The event stream goes on elsewhere, which has not answered yet."""
        self._limit: asyncio.TimerHandle | None = None
        self._arrived = time.perf_counter()
        self._generation = 0
        """The code of the newest run."""
        self._reported = False

    async def run(self) -> None:
        """Have the request answered; return when the response is complete or the client has left."""
        self._connection.listener = self
        self._front.admit(self)
        try:
            await self._response.write(self._front.loop)
        except BaseException:  # the app has nobody to talk to any more
            self._leave()
            raise
        finally:
            self._connection.listener = None
            self._finish()
            self._report(self._response.status)

    def _finish(self) -> None:
        if self._upload is not None:
            self._upload.cancel()
        if self._limit is not None:
            self._limit.cancel()
        if self._events is not None:
            self._front.streaming.discard(self)

    def _report(self, status: int) -> None:
        """Report the request, once: when it is answered, when it fails, or when its event stream begins."""
        if self._reported:
            return
        self._reported = True
        self._front.requests.add(
            Request(
                at=time.time(),
                method=self.scope["method"],
                path=full_path(self.scope["path"], self.scope["query_string"]),
                status=status,
                ms=(time.perf_counter() - self._arrived) * 1_000,
                generation=self._generation,
            )
        )

    def failed(self, stream: Stream) -> int:
        """The app has raised in `stream`: report the request, and return what its client gets, 0: nothing."""
        if stream is self._stream and not self._response.gone:
            self._report(self._response.status or _FAILED.status)
            return self._response.status or _FAILED.status
        return self._response.status

    def _grant(self, size: int) -> None:
        if self._stream is not None:
            self._stream.send(WindowUpdate(self._stream.number, size))

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
        if self._response.begun:
            self._end()
        else:
            answer = self._front.readable(self.scope, answer)
            self._begin((answer.status, answer.headers), answer.body, False, answer.made_by)

    def without_app(self) -> None:
        """The code that runs has no app."""
        self._front.index(self)

    def offer(self) -> None:
        """Have it run as soon as there is a Worker."""
        self._stream = Stream(self)
        self._front.offer(self._stream)

    @property
    def waits(self) -> bool:
        """Tell whether it has no Worker yet."""
        return not (self._response.complete or self._response.gone) and (
            self._stream is None or self._stream.queued
        )

    def moved(self, generation: int) -> None:
        """Newer code is live: what is an event stream goes on there, or ends before long."""
        if self._events is None or self._response.complete or self._is_new(generation):
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
        if self.waits and not self._response.begun:
            self._front.lost(f"a waiting request, {self.name}", "its client has left")
        self._leave()

    def _leave(self) -> None:
        self._response.leave()
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
        return not self._response.gone and not self._response.complete

    def begin(self, stream: Stream) -> None:
        self._generation = stream.worker.generation
        resumed = stream.worker.generation if self._events is not None else 0
        last_id = self._events.last_id if self._events is not None else None
        scope = wire_scope(self.scope, resumed, last_id, ask=self._page.ask if self._page else None)
        self._response.renew()
        upload = self._upload if not resumed else None  # it has gone to the first Worker
        stream.send(Open(stream.number, scope, upload is not None, bool(upload and upload.waits), WINDOW))
        if upload is not None:
            upload.begin(stream, self._front.loop)

    def heard(self, stream: Stream, message: StreamNews) -> None:
        if stream is not self._stream:
            return
        match message:
            case Respond():
                self._respond(message)
            case ResponseBody(data=data, more=more) if self._error and self._error.takes_more(data, more):
                pass
            case ResponseBody(data=data, more=more):
                self._response.go_on(self._whole(data, more), more, len(data))
            case Consumed(size=size) if self._upload is not None:
                self._upload.grant(size)
            case Closed():
                self._stream = None
                self._closed(message.failure)

    def lost(self, stream: Stream, reason: str) -> None:
        if stream is not self._stream:
            return
        self._stream = None
        if self._error is not None:
            self._error.let_go()
        if self._response.gone:
            return
        if self._response.complete:
            self._front.lost(f"what {self.name} did after its answer", reason)
        elif self._events is not None and self._events.has_id and not self._events.broken:
            self._resume(0)
        elif self._response.begun:
            self._front.lost(f"the rest of the answer to {self.name}", reason)
            self._response.truncate()
        elif self.scope["method"] in REPEATABLE and self._upload is None and not self._again:
            self._again = True
            self._front.admit(self)
        else:
            self._front.lost(f"the request {self.name}", reason)
            self.answer(page.gone(f"The process that ran this request is gone: {reason}.", self.accept))

    # the response that comes down

    def _respond(self, message: Respond) -> None:
        is_stream = is_event_stream(self.scope["method"], message.status, message.headers)
        if self._events is not None:
            if not is_stream:  # the newer code answers something else: the client asks again by itself
                self._end()
                return
            assert self._stream is not None
            self._resuming = False
            self._response.go_on(seam(self._stream.worker.generation), True)
            self._response.go_on(self._whole(message.body, message.more), message.more, len(message.body))
            return
        if is_stream:
            self._events = EventStream()
            self._front.streaming.add(self)
        if self._error is not None and self._error.takes(
            (message.status, message.headers), message.body, message.more
        ):
            return
        head = message.status, [*message.headers, *self._front.stale(self.scope)]
        data = self._whole(message.body, message.more)
        self._begin(head, data, message.more, self._generation, len(message.body))
        if is_stream:
            self._report(message.status)
            self.moved(self._front.live)  # newer code may have gone live before the app began to answer

    def _pass_on(self, head: Head, data: bytes, more: bool, credit: int) -> None:
        self._begin(head, data, more, self._generation, credit)

    def _begin(self, head: Head, data: bytes, more: bool, made_by: int | None, credit: int = 0) -> None:
        """Put the head and the first of the body; a page that a browser opens gets our script."""
        if self._page is not None:
            head, data = self._page.begin(head, data, more, made_by)
        self._response.begin(*head, data, more, credit)

    def _whole(self, data: bytes, more: bool) -> bytes:
        """Return what may be passed on: of an event stream whole events, a page with our script."""
        if self._events is None:
            return data if self._page is None else self._page.go_on(data, more)
        whole = self._events.feed(data)
        return whole if more else whole + self._events.rest()

    def _closed(self, failure: Failure | None) -> None:
        """The app has returned, or raised."""
        if self._error is not None:
            if failure is None or not (self._error.drop() or not self._response.begun):
                self._error.let_go()
            else:
                self.answer(self._front.crashed(failure, self.name, self._generation))
                return
        if self._response.gone or self._response.complete:
            return
        if self._resuming:
            self._end()
        elif self._response.begun:
            self._response.truncate()
        else:
            self.answer(_FAILED)

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
        if not self._response.complete and not self._response.gone:
            self._leave_stream()
            self._response.go_on(b"", False)
