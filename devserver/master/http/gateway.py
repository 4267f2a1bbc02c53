"""The HTTP and WebSocket side of the Master: routes requests, and Workers' messages to their jobs.

Law: newer code takes over WebSockets and event streams.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from devserver.common import editor_links, events
from devserver.common.events import Event
from devserver.common.failure import Failure
from devserver.config import Config
from devserver.ipc.messages import Closed, StreamMessage
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import Worker
from devserver.master.handlers.router import Router
from devserver.master.handlers.websocket import FramedSocket
from devserver.master.http.admission import Admission
from devserver.master.http.app_job import AppJob, Scope
from devserver.master.http.context import Context
from devserver.master.http.exchange import Exchange
from devserver.master.http.host_check import HostCheck
from devserver.master.http.own_answers import OwnAnswers, may_see_source
from devserver.master.http.pages import answers
from devserver.master.http.pages.answers import LIVE_PATH
from devserver.master.http.pages.index_html import Index
from devserver.master.http.refresh.browser_refresh import BrowserRefresh
from devserver.master.http.request_log import RequestLog
from devserver.master.http.response import Send
from devserver.master.http.resumption import Resumption
from devserver.master.http.upload import Receive
from devserver.master.http.uvicorn_adapter import HANDLED, UvicornAdapter
from devserver.master.http.websocket import WebSocket

LONGEST_WATCH = 25.0
"""Seconds after which a page that waits for good code has to ask again."""
MOST_REFUSALS = 20
"""Different refusals that are reported in a run: a client can invent names."""


_JOBS = (Exchange, WebSocket)


class Gateway:
    """`stamp` and `is_settled` decide what may start; `on_code_live` follows the Dispatcher's `go_live`."""

    def __init__(
        self,
        config: Config,
        dispatcher: Dispatcher,
        router: Router,
        is_settled: Callable[[int], bool],
        emit: Callable[[Event], None],
    ) -> None:
        self.requests = RequestLog(emit)
        root, editor = config.watch.root, editor_links.for_pages(config.console.editor, os.environ)
        self.refresh = BrowserRefresh(config.http, root, editor, self._report_once)
        self._dispatcher = dispatcher
        self._router = router
        self._emit = emit
        self._host_check = HostCheck(config.http.host, config.http.allow_hosts)
        self._refusals: set[str] = set()
        self._exchanges: set[Exchange] = set()
        self._changed = asyncio.Event()
        """Set, and replaced, when code has gone live or was refused."""
        self._own_answers = OwnAnswers(root, editor, config.http.error_page, self._host_check, self.refresh)
        self._admission = Admission(config, dispatcher, self._own_answers, is_settled)
        self.resumption = Resumption(config.http.websockets == "resume", emit)
        self._context = Context(
            config=config.http,
            dispatcher=dispatcher,
            admission=self._admission,
            own_answers=self._own_answers,
            resumption=self.resumption,
            requests=self.requests,
            refresh=self.refresh,
            index=Index(config.http.index),
            loop=asyncio.get_running_loop(),
            stamp=router.stamp,
            emit=emit,
        )
        self.uvicorn = UvicornAdapter(config.http, self.app, emit, dispatcher.on_changed)

    # the clients

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI app that uvicorn runs."""
        websocket = scope["type"] == "websocket"
        refusal = self._host_check.refuses(scope["headers"], websocket=websocket)
        if refusal is not None:
            self._report_once(f"refused a client: {refusal.text}")
            answer = self._own_answers.readable(scope, answers.refused(refusal))
            prefix = "websocket.http.response" if websocket else "http.response"
            if websocket:
                await receive()
            await send({"type": f"{prefix}.start", "status": answer.status, "headers": answer.headers})
            await send({"type": f"{prefix}.body", "body": answer.body})
        elif websocket:
            socket = WebSocket(self._context, scope, receive, send)
            await socket.run()
            if socket.for_handlers:
                scope[HANDLED] = True
                await FramedSocket(self._router, receive, send, scope["client"]).run()
        elif scope["path"] == LIVE_PATH and not self._dispatcher.code.generation:
            await self._watch(scope, send)
        elif scope["path"] in self.refresh.paths and self.refresh.takes(scope):
            await self.refresh.serve(scope, send, local=may_see_source(scope))
        else:
            exchange = Exchange(self._context, scope, receive, send)
            self._exchanges.add(exchange)
            try:
                await exchange.run()
            finally:
                self._exchanges.discard(exchange)

    def _report_once(self, text: str) -> None:
        """Report a sentence once: a page whose WebSocket was refused does not get the reason."""
        if text not in self._refusals and len(self._refusals) < MOST_REFUSALS:
            self._refusals.add(text)
            self._emit(events.Notice(level="warning", text=text))

    async def _watch(self, scope: Scope, send: Send) -> None:
        """Answer a page that waits for good code, once there is good code or another failure."""
        seen = scope["query_string"].removeprefix(b"seen=").decode("ascii", "replace")
        try:
            async with asyncio.timeout(LONGEST_WATCH):
                while not self._has_changed(seen):
                    await self._changed.wait()
            status = 200
        except TimeoutError:
            status = 503
        headers = [(b"content-length", b"0")]
        if failures := self._admission.failures:
            headers.append((b"devserver-refused", answers.fingerprint(failures).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body"})

    def _has_changed(self, seen: str) -> bool:
        """Return whether there is good code, or another failure than the one with that fingerprint."""
        failures = self._admission.failures
        has_failed = bool(failures) and answers.fingerprint(failures) != seen
        return has_failed or bool(self._dispatcher.code.generation)

    # the Workers

    def on_message(self, worker: Worker, message: StreamMessage) -> None:
        """Pass on a Worker's report of a run."""
        job = self._dispatcher.job(worker, message.stream)
        if not isinstance(job, _JOBS):
            return
        if not isinstance(message, Closed):
            job.on_message(message)
            return
        self._dispatcher.finish(worker, message.stream)
        if message.failure is not None:
            self._on_app_failed(worker, job, message.stream, message.failure)
        job.on_message(message)
        self._dispatcher.proceed(worker)

    def _on_app_failed(self, worker: Worker, job: AppJob, number: int, failure: Failure) -> None:
        """Report the request before its failure, which names it."""
        status = job.status_of_failure(number)
        self.requests.flush()
        self._emit(
            events.HandlerFailed(
                worker=worker.id, connection=0, failure=failure, request=job.name, status=status
            )
        )

    # the generations

    def on_code_live(self, generation: int) -> None:
        """Let newer code serve from now on."""
        self._admission.failures = ()
        self.resumption.on_code_live(generation)
        self._notify_watchers()
        for job in self._dispatcher.jobs_in_hand():
            if isinstance(job, _JOBS):
                job.on_code_live(generation)
        self._admission.on_settled()

    def on_code_refused(self, failures: tuple[Failure, ...]) -> None:
        """Keep the reason why there is no good code yet."""
        self._admission.failures = failures
        self._notify_watchers()
        self._admission.on_settled()

    def _notify_watchers(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def on_settled(self) -> None:
        """Admit the requests that waited for an edit that is settled now."""
        self._admission.on_settled()

    # the end

    @property
    def quiet(self) -> bool:
        """Return whether no request is held."""
        return self._admission.quiet

    def stop(self) -> None:
        """Close idle connections, WebSockets and event streams; finish other responses."""
        self.requests.stop()
        self.refresh.channel.close()
        for exchange in list(self._exchanges):
            exchange.stop()
        self.uvicorn.shut_down()
