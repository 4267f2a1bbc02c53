"""One HTTP request and its response, over one or more Workers.

Law: exchange_decisions decides what happens to it when code goes live or its Worker dies. A response that
has begun and cannot be completed is truncated. Windows bound bodies both ways.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial

from devserver.common.events import Request
from devserver.common.failure import Failure
from devserver.ipc.messages import (
    Closed,
    Consumed,
    Disconnected,
    Open,
    RequestBody,
    Respond,
    ResponseBody,
    StreamMessage,
    WindowUpdate,
)
from devserver.master.http import exchange_decisions as decisions
from devserver.master.http.app_job import WINDOW, AppJob, Scope
from devserver.master.http.context import Context
from devserver.master.http.event_stream import EventStream, is_event_stream, seam
from devserver.master.http.exchange_decisions import InFlight, Phase
from devserver.master.http.held_error import HeldError
from devserver.master.http.pages import answers
from devserver.master.http.pages.answers import Answer
from devserver.master.http.refresh.browser_refresh import Navigation
from devserver.master.http.refresh.page import is_navigation
from devserver.master.http.request_log import full_path
from devserver.master.http.response import Head, Response, Send
from devserver.master.http.scope import wire_scope
from devserver.master.http.upload import Receive, upload_of
from devserver.master.http.uvicorn_adapter import HttpConnection

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FAILED = Answer(
    500,
    [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21"), (b"connection", b"close")],
    b"Internal Server Error",
)


class Exchange(AppJob):
    """Lives from the head of the request to the end of its response."""

    def __init__(self, context: Context, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, context.stamp())
        self._context = context
        self._connection: HttpConnection = scope["state"]["connection"]
        self._upload = upload_of(scope["headers"], receive)
        self._response = Response(self._connection, send)
        self._page: Navigation | None = None
        self._error: HeldError | None = None
        if is_navigation(scope["method"], scope["headers"]):
            self._page = context.refresh.navigation(scope)
            if context.own_answers.shows_errors(scope):
                self._error = HeldError(context.loop)
        self._repeated = False
        self._events: EventStream | None = None
        self._reopening = False
        """The event stream has moved to another Worker, which has not answered yet."""
        self._limit: asyncio.TimerHandle | None = None
        self._arrived = time.perf_counter()
        self._reported = False

    @property
    def name(self) -> str:
        """Return method and path."""
        return f"{self.scope['method']} {self.scope['path']}"

    @property
    def waits(self) -> bool:
        return not (self.number or self._response.complete or self._response.gone)

    async def run(self) -> None:
        """Answer the request; return when the response is complete or the client has left."""
        self._connection.listener = self
        self._context.admission.admit(self)
        try:
            await self._response.write(self._context.loop, self._grant)
        except BaseException:  # the app has no client any more
            self._leave()
            raise
        finally:
            self._connection.listener = None
            if self._upload is not None:
                self._upload.cancel()
            if self._limit is not None:
                self._limit.cancel()
            self._report(self._response.status)

    def stop(self) -> None:
        """The server stops: an event stream ends now."""
        if self._events is not None:
            self._end()

    # reports

    def _report(self, status: int) -> None:
        """Report the request once: when it is answered, when it fails, or when its event stream begins."""
        if self._reported:
            return
        self._reported = True
        self._context.requests.add(status, self._request)

    def _request(self, status: int) -> Request:
        return Request(
            at=time.time(),
            method=self.scope["method"],
            path=full_path(self.scope["path"], self.scope["query_string"]),
            status=status,
            ms=(time.perf_counter() - self._arrived) * 1_000,
            generation=self.generation,
        )

    def status_of_failure(self, number: int) -> int:
        """Report the request before its failure, which names it."""
        if number == self.number and not self._response.gone:
            self._report(self._response.status or _FAILED.status)
            return self._response.status or _FAILED.status
        return self._response.status

    # the client

    def answer(self, answer: Answer) -> None:
        """Answer without the app; end the app's answer if it has begun."""
        if self._response.begun:
            self._end()
        else:
            answer = self._context.own_answers.readable(self.scope, answer)
            self._begin((answer.status, answer.headers), answer.body, False, answer.made_by)

    def without_app(self) -> None:
        self._context.index.answer(self.scope, self.accept, self.answer)

    def on_client_left(self) -> None:
        """Its connection is lost."""
        if self.waits and not self._response.begun:
            self._context.report_lost(f"a waiting request, {self.name}", "its client has left")
        self._leave()

    def _leave(self) -> None:
        self._response.leave()
        self._context.admission.forget(self)
        if self.number:
            self.send(Disconnected(self.number))
            self.client_gone = True

    def _grant(self, size: int) -> None:
        self.send(WindowUpdate(self.number, size))

    # the runs

    def startable(self) -> bool:
        return not self._response.gone and not self._response.complete

    def open_run(self, number: int) -> None:
        resumed = self.generation if self._events is not None else 0
        last_id = self._events.last_id if self._events is not None else None
        scope = wire_scope(self.scope, resumed, last_id, ask=self._page.ask if self._page else None)
        self._response.renew()
        upload = self._upload if not resumed else None  # the first Worker has got it
        self.send(Open(number, scope, upload is not None, bool(upload and upload.waits), WINDOW))
        if upload is not None:
            upload.begin(partial(self._send_body, number), self._context.loop)

    def _send_body(self, number: int, data: bytes, more: bool) -> None:
        if number == self.number:
            self.send(RequestBody(number, data, more))

    def on_message(self, message: StreamMessage) -> None:
        if message.stream != self.number:
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
            case Closed(failure=failure):
                self.number = 0
                self._on_app_returned(failure)

    def move(self, generation: int) -> None:
        if self.waits or self.generation >= generation:  # it runs that code, or will
            return
        close = self._context.config.streams == "close"
        match decisions.when_code_is_live(self._in_flight, close_streams=close):
            case "end":
                self._end()
            case "move":
                self.leave_run()
                self._resume(generation)
            case "end within the limit" if self._limit is None:
                self._limit = self._context.loop.call_later(self._context.config.stream_limit, self._end)

    def on_run_lost(self, reason: str) -> None:
        if self._error is not None:
            self._error.let_go()
        report = self._context.report_lost
        match decisions.when_worker_died(self._in_flight):
            case "report what followed":
                report(f"what {self.name} did after its answer", reason)
            case "move":
                self._resume(0)
            case "truncate":
                report(f"the rest of the answer to {self.name}", reason)
                self._response.truncate()
            case "run again":
                self._repeated = True
                self._context.admission.admit(self)
            case "answer 502":
                report(f"the request {self.name}", reason)
                text = f"The process that ran this request is gone: {reason}."
                self.answer(answers.gone(text, self.accept))

    def _on_app_returned(self, failure: Failure | None) -> None:
        if self._error is not None:
            if failure is not None and (self._error.drop() or not self._response.begun):
                self.answer(self._context.own_answers.crashed(failure, self.name, self.generation))
                return
            self._error.let_go()
        if self._response.gone or self._response.complete:  # by far the most
            return
        match decisions.when_app_returned(self._in_flight):
            case "end":
                self._end()
            case "truncate":
                self._response.truncate()
            case "answer 500":
                self.answer(_FAILED)

    @property
    def _in_flight(self) -> InFlight:
        safe = self.scope["method"] in REPEATABLE and self._upload is None
        stream = self._events
        return InFlight(
            self._phase,
            repeatable=safe and not self._repeated,
            resumable=stream is not None and stream.has_id and not stream.broken,
            reopening=self._reopening,
        )

    @property
    def _phase(self) -> Phase:
        if self._response.gone:
            return "left"
        if self._response.complete:
            return "answered"
        if self._events is not None:
            return "streaming"
        return "answering" if self._response.begun else "unanswered"

    # the app's response

    def _respond(self, message: Respond) -> None:
        is_stream = is_event_stream(self.scope["method"], message.status, message.headers)
        if self._events is not None:
            if not is_stream:  # the newer code answers something else: the client reconnects by itself
                self._end()
                return
            self._reopening = False
            self._response.go_on(seam(self.generation), True)
            self._response.go_on(self._whole(message.body, message.more), message.more, len(message.body))
            return
        if is_stream:
            self._events = EventStream()
        if self._error is not None and self._error.takes(
            (message.status, message.headers), message.body, message.more, self._pass_on
        ):
            return
        stale = self._context.own_answers.stale(self.scope)
        head = message.status, [*message.headers, *stale] if stale else message.headers
        data = self._whole(message.body, message.more)
        self._begin(head, data, message.more, self.generation, len(message.body))
        if is_stream:
            self._report(message.status)
            # Newer code may have gone live before the app began to answer.
            self.move(self._context.dispatcher.code.generation)

    def _pass_on(self, head: Head, data: bytes, more: bool, credit: int) -> None:
        self._begin(head, data, more, self.generation, credit)

    def _begin(self, head: Head, data: bytes, more: bool, made_by: int | None, credit: int = 0) -> None:
        """Write the head and the first part of the body; a page that a browser opens gets our script."""
        if self._page is not None:
            head, data = self._page.begin(head, data, more, made_by)
        self._response.begin(*head, data, more, credit)

    def _whole(self, data: bytes, more: bool) -> bytes:
        """Return the data to pass on: whole events of an event stream, or a page with our script."""
        if self._events is None:
            return data if self._page is None else self._page.go_on(data, more)
        whole = self._events.feed(data)
        return whole if more else whole + self._events.rest()

    def _resume(self, generation: int) -> None:
        assert self._events is not None
        self._events.restart_elsewhere()
        self._reopening = True
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        self._context.report_resumed(self.name, generation)
        self._context.admission.admit(self)

    def _end(self) -> None:
        """End the response as if the app had: an EventSource reconnects by itself."""
        if not self._response.complete and not self._response.gone:
            self.leave_run()
            self._response.go_on(b"", False)
