"""The HTTP and WebSocket face of the Master: lets requests in, holds them, and gives them to Workers.

Law: what arrives after a save waits until that save is settled, and is then run by the newest live code, or
is told why there is none. Newer code takes over what lasts: WebSockets and event streams.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Protocol
from urllib.parse import quote

from devserver.common import editor_links, events
from devserver.common.events import Event
from devserver.common.explain import relative
from devserver.common.failure import Failure
from devserver.common.local_client import is_local
from devserver.config import Config
from devserver.ipc.messages import AppKind, Closed, Detach, Headers, StreamNews
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import Worker
from devserver.master.handlers.router import Router
from devserver.master.handlers.websocket import FramedSocket
from devserver.master.http import readers
from devserver.master.http.event_stream import is_event_source
from devserver.master.http.exchange import Exchange, Scope
from devserver.master.http.host_check import HostCheck
from devserver.master.http.pages import answers
from devserver.master.http.pages.answers import LIVE_PATH, Answer
from devserver.master.http.pages.index_html import Index
from devserver.master.http.refresh.browser_refresh import BrowserRefresh
from devserver.master.http.refresh.page import is_navigation
from devserver.master.http.request_log import RequestLog
from devserver.master.http.response import Send
from devserver.master.http.scope import accepted, header
from devserver.master.http.stream import Stream
from devserver.master.http.upload import Receive
from devserver.master.http.uvicorn_adapter import HANDLED, UvicornAdapter
from devserver.master.http.websocket import WebSocket

LONGEST_WATCH = 25.0
"""Seconds that a page waits for good code before it asks again."""
MOST_REFUSALS = 20
"""Different ones that are said in a run: names can be made up."""


class PendingRequest(Protocol):
    """A request or a WebSocket that wants in."""

    stamp: int
    scope: Scope

    @property
    def accept(self) -> bytes:
        """Return the Accept header."""

    @property
    def waits(self) -> bool:
        """Tell whether it has no Worker yet."""

    def answer(self, answer: Answer) -> None:
        """Take an answer instead of the app's."""

    def without_app(self) -> None:
        """The code that runs has no app."""

    def offer(self) -> None:
        """Have it run as soon as there is a Worker."""


class Gateway:
    """`stamp` and `is_settled` are the files'; what the live code serves is told by `go_live`."""

    def __init__(
        self,
        config: Config,
        dispatcher: Dispatcher,
        board: Router,
        is_settled: Callable[[int], bool],
        emit: Callable[[Event], None],
    ) -> None:
        self.config = config.http
        self.loop = asyncio.get_running_loop()
        self.is_settled = is_settled
        self.stamp = board.stamp
        self.streaming: set[Exchange] = set()
        self.sockets: set[WebSocket] = set()
        self.holding: set[WebSocket] = set()
        """Those with messages that may wait for an edit to be settled."""
        self.unresumable: set[str] = set()
        """Paths of WebSockets that the live code does not go on with."""
        self.has_handlers = False
        self._root = config.watch.root
        self._most_waiting = config.limits.waiting
        self._patience = config.process.boot_timeout
        self._dispatcher = dispatcher
        self._board = board
        self._emit = emit
        self.requests = RequestLog(emit)
        self._guard = HostCheck(config.http.host, config.http.allow_hosts)
        self._refusals: set[str] = set()
        self._index = Index(config.http.index)
        self._editor = editor_links.for_pages(config.console.editor, os.environ)
        self.refresh = BrowserRefresh(config.http, config.watch.root, self._editor, self._say_once)
        self._live = 0
        self._app: AppKind = ""
        self._failures: tuple[Failure, ...] = ()
        self._held: dict[PendingRequest, None] = {}
        self._left: set[Stream] = set()
        """Streams that run though their clients have left."""
        self._news = asyncio.Event()
        """Set, and replaced, when code has gone live or was refused."""
        self.face = UvicornAdapter(config.http, self.app, emit, dispatcher.on_changed)

    # the clients

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI app that uvicorn runs."""
        websocket = scope["type"] == "websocket"
        refusal = self._guard.refuses(scope["headers"], websocket=websocket)
        if refusal is not None:
            self._say_once(f"refused a client: {refusal.text}")
            answer = self.readable(scope, answers.refused(refusal))
            prefix = "websocket.http.response" if websocket else "http.response"
            if websocket:
                await receive()
            await send({"type": f"{prefix}.start", "status": answer.status, "headers": answer.headers})
            await send({"type": f"{prefix}.body", "body": answer.body})
        elif websocket:
            socket = WebSocket(self, scope, receive, send)
            await socket.run()
            if socket.native:
                scope[HANDLED] = True
                await FramedSocket(self._board, receive, send, scope["client"]).run()
        elif not self._live and scope["path"] == LIVE_PATH:
            await self._watch(scope, send)
        elif scope["path"] in self.refresh.paths and self.refresh.takes(scope):
            await self.refresh.serve(scope, send, local=_is_local(scope))
        else:
            await Exchange(self, scope, receive, send).run()

    def _say_once(self, text: str) -> None:
        """Say why a client was refused, or left as it is: a page that cannot open its WebSocket is told no
        reason.
        """
        if text not in self._refusals and len(self._refusals) < MOST_REFUSALS:
            self._refusals.add(text)
            self._emit(events.Notice(level="warning", text=text))

    def admit(self, pending: PendingRequest) -> None:
        """Let a guest start, wait or go, as things stand."""
        if self._is_full:
            text = f"{self._most_waiting} requests wait already: try again."
            pending.answer(answers.busy(text, pending.accept))
        elif (
            not self.is_settled(pending.stamp)
            or not (self._live or self._failures)
            or (not self._live and is_event_source(pending.scope))
        ):
            self._held[pending] = None
        elif not self._live:
            pending.answer(self._unavailable(pending.scope))
        elif not self._app:
            pending.without_app()
        else:
            pending.offer()

    @property
    def live(self) -> int:
        """Return the generation that serves."""
        return self._live

    @property
    def _is_full(self) -> bool:
        return self._dispatcher.waiting + len(self._held) >= self._most_waiting

    def forget(self, pending: PendingRequest) -> None:
        """A guest has left: it waits no longer."""
        self._held.pop(pending, None)

    def offer(self, stream: Stream) -> None:
        """Put a stream in line; it does not wait for ever for a Worker that does not come."""
        self._dispatcher.offer(stream)
        if stream.queued and self._patience:
            self.loop.call_later(self._patience, self._lose_patience, stream)

    def _lose_patience(self, stream: Stream) -> None:
        pending = stream.owner
        if not stream.queued or not isinstance(pending, Exchange | WebSocket) or not pending.waits:
            return
        if self._dispatcher.serves_live:  # busy, but alive
            self.loop.call_later(self._patience, self._lose_patience, stream)
        else:
            text = f"no worker has started within {self._patience:g} s: the console says why."
            pending.answer(answers.busy(text, pending.accept))

    def _unavailable(self, scope: Scope) -> Answer:
        is_form = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD")
        asker = answers.Asker(accepted(scope), local=_is_local(scope), is_form=is_form)
        return answers.unavailable(self._failures, asker, root=self._root, editor=self._editor)

    def shows_errors(self, scope: Scope) -> bool:
        """Return whether who asks is shown the error if the app raises and has no page for that."""
        is_shown = self.config.error_page and is_navigation(scope["method"], scope["headers"])
        return is_shown and _is_local(scope)

    def crashed(self, failure: Failure, request: str, generation: int) -> Answer:
        """Return the page that shows it."""
        return answers.crashed(failure, request, generation, root=self._root, editor=self._editor)

    def readable(self, scope: Scope, answer: Answer) -> Answer:
        """Return an answer of our own that says no, as the page of a trusted origin may read it."""
        origin = self._guard.trusts(scope["headers"]) if answer.status >= 400 else b""
        if not origin:
            return answer
        preflight = readers.preflight(scope.get("method", ""), scope["headers"])
        return readers.readable(preflight or answer, origin)

    def stale(self, scope: Scope) -> Headers:
        """Return a header that says that the app's answer is older code's, for the newest was refused."""
        failures = self.refresh.state.failures
        if not failures:
            return []
        place = failures[0].place if _is_local(scope) else None
        where = f"{relative(place.path, self._root)}:{place.line}" if place else "?"
        return [(b"devserver-stale", quote(where, safe="/:?").encode("ascii"))]

    async def _watch(self, scope: Scope, send: Send) -> None:
        """Answer a page that waits for good code: when there is some, or there is another failure to show."""
        seen = scope["query_string"].removeprefix(b"seen=").decode("ascii", "replace")
        try:
            async with asyncio.timeout(LONGEST_WATCH):
                while not self._live and (not self._failures or answers.fingerprint(self._failures) == seen):
                    await self._news.wait()
            status = 200
        except TimeoutError:
            status = 503
        headers = [(b"content-length", b"0")]
        if self._failures:
            headers.append((b"devserver-refused", answers.fingerprint(self._failures).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body"})

    def index(self, pending: PendingRequest) -> None:
        """Answer for a module that has no app."""
        self._index.answer(pending.scope, pending.accept, pending.answer)

    def may_resume(self, scope: Scope) -> bool:
        """Tell whether newer code may go on with this WebSocket: Engine.IO has sessions of its own."""
        engine_io = b"EIO=" in scope["query_string"]
        return self.config.websockets == "resume" and not engine_io

    def remember(self, path: str, why: str, generation: int) -> None:
        """Ask others of this path to reconnect, as long as that code is the newest."""
        if generation < self._live or path in self.unresumable:
            return
        self.unresumable.add(path)
        text = (
            f"WebSocket {path} could not go on with the new code, which {why}: until newer code is live, "
            "others of this path are closed with 1012 instead of resumed"
        )
        self._emit(events.Notice(level="warning", text=text))

    def lost(self, what: str, reason: str) -> None:
        """Say that something was lost."""
        self._emit(events.Lost(what=what, reason=reason))

    def resumed(self, what: str, generation: int) -> None:
        """Say that something goes on elsewhere."""
        self._emit(events.Resumed(what=what, generation=generation or self._live))

    def abandoned(self, stream: Stream) -> None:
        """The client has left; the app may not have noticed."""
        self._left.add(stream)

    # the Workers

    def heard(self, worker: Worker, message: StreamNews) -> None:
        """Carry to its owner what a stream says."""
        stream = self._dispatcher.job(worker, message.stream)
        if not isinstance(stream, Stream):
            return
        if not isinstance(message, Closed):
            stream.owner.heard(stream, message)
            return
        self._dispatcher.finish(worker, message.stream)
        self._left.discard(stream)
        stream.running = False
        if message.failure is not None:
            self._failed(stream, message.failure)
        stream.owner.heard(stream, message)
        self._dispatcher.proceed(worker)

    def _failed(self, stream: Stream, failure: Failure) -> None:
        """Report the request before its failure, which names it."""
        owner = stream.owner
        name, status = "", 0
        if isinstance(owner, Exchange):
            name, status = owner.name, owner.failed(stream)
        elif isinstance(owner, WebSocket):
            name = f"WebSocket {owner.scope['path']}"
        self.requests.flush()
        self._emit(
            events.HandlerFailed(
                worker=stream.worker.id, connection=0, failure=failure, request=name, status=status
            )
        )

    # the generations

    def go_live(self, generation: int, app: AppKind, handlers: Iterable[str]) -> None:
        """Newer code serves from here on."""
        self._live, self._app, self._failures = generation, app, ()
        self.unresumable.clear()
        self.has_handlers = bool(set(handlers) & {"on_connect", "on_receive", "on_close"})
        self._tell_watchers()
        left, self._left = self._left, set()
        for stream in left:
            stream.send(Detach(stream.number))
        for exchange in list(self.streaming):
            exchange.moved(generation)
        for socket in list(self.sockets):
            socket.moved(generation)
        self.release()

    def refused(self, failures: tuple[Failure, ...]) -> None:
        """There is no good code yet, and this is why."""
        self._failures = failures
        self._tell_watchers()
        self.release()

    def _tell_watchers(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def release(self) -> None:
        """Some edit was settled: let in what waited for it."""
        held, self._held = self._held, {}
        for pending in held:
            if pending.waits:
                self.admit(pending)
        holding, self.holding = self.holding, set()
        for socket in holding:
            socket.settled()
            if socket.holds:
                self.holding.add(socket)

    # the end

    @property
    def quiet(self) -> bool:
        """Tell whether nothing waits."""
        return not self._held

    def stop(self) -> None:
        """Close what rests or lasts; what is being answered is finished."""
        self.requests.stop()
        self.refresh.channel.close()
        for exchange in list(self.streaming):
            exchange.stop()
        self.face.shut_down()


def _is_local(scope: Scope) -> bool:
    """Return whether the client may see source code."""
    client = scope["client"]
    return is_local(client and client[0], lambda name: header(scope, name.encode()).decode("latin-1"))
