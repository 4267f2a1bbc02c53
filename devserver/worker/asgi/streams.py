"""The open streams of one Worker: each runs the app in its own task, which is a job.

Laws: an app can fail a stream, but never end the Worker. The Master gets a report of each stream's end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from devserver.common.failure import Failure
from devserver.ipc.messages import Detach, Failed, Open, Scope, StreamOrder
from devserver.worker.asgi.request import ClientDisconnected, Request
from devserver.worker.asgi.scope import asgi_scope
from devserver.worker.asgi.websocket import WebSocket
from devserver.worker.run import environment
from devserver.worker.run.debugger import Debugger
from devserver.worker.run.failures import failure_of
from devserver.worker.run.jobs import Jobs, end_child
from devserver.worker.run.logs import Log
from devserver.worker.run.master_link import MasterLink

ASGIApp = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[Any]]
CANCEL_AFTER = 2.0
"""Seconds that an app gets to notice a detach."""


class Streams:
    """Opens streams and routes orders to them. `state` is the lifespan's.

    `threaded`: the app runs in threads, so its `send` has to raise once the client has left.
    """

    def __init__(
        self,
        app: ASGIApp,
        link: MasterLink,
        jobs: Jobs,
        debugger: Debugger,
        *,
        threaded: bool,
        state: dict[str, Any],
    ) -> None:
        self._app = app
        self._threaded = threaded
        self._link = link
        self._jobs = jobs
        self._log = Log()
        self._debugger = debugger
        self._state = state
        self._open: dict[int, tuple[Request | WebSocket, asyncio.Task[None]]] = {}
        self._abandoned: set[int] = set()
        """Streams that the Worker has cancelled: their errors are not the app's."""

    def take(self, order: StreamOrder) -> None:
        """Carry out an order for a stream; ignore it if the stream has ended."""
        if isinstance(order, Open):
            self._begin(order)
            return
        found = self._open.get(order.stream)
        if found is None:
            return
        stream, task = found
        if isinstance(order, Detach):
            limit = max(stream.detach(), CANCEL_AFTER)
            task.get_loop().call_later(limit, self._abandon, order.stream)
        else:
            stream.take(order)  # type: ignore[arg-type]  # the Master sends each kind its own messages only

    def _begin(self, order: Open) -> None:
        scope = asgi_scope(order.scope, self._state)
        stream: Request | WebSocket
        if order.scope.type == "http":
            log = self._log.access
            stream = Request(order, self._link, log and partial(log, order.scope), raises=self._threaded)
        else:
            stream = WebSocket(order, self._link, partial(self._log.handshake, order.scope))
        self._open[order.stream] = stream, self._jobs.begin(self._run(stream, scope), _name(order.scope))

    async def _run(self, stream: Request | WebSocket, scope: dict[str, Any]) -> None:
        failure: Failure | None = None
        error: BaseException | None = None
        try:
            result = await self._app(scope, stream.receive, stream.send)
        except GeneratorExit:  # the loop is closed under it
            raise
        except ClientDisconnected:
            pass
        except BaseException as raised:
            if self._is_cut_short(stream, raised):
                return
            error = raised
            failure = self._failed(stream, raised)
        else:
            complaint = stream.complaint()
            if result is not None and not complaint:
                complaint = f"ASGI callable should return None, but returned '{result}'."
            if complaint:
                self._log.error(complaint)
                failure = Failure("request", "ASGI", complaint)
        if self._link.forked:
            end_child(error)
        self._open.pop(stream.order.stream, None)
        self._abandoned.discard(stream.order.stream)
        environment.flush()
        self._debugger.ended()
        stream.close(failure)

    def _is_cut_short(self, stream: Request | WebSocket, error: BaseException) -> bool:
        """Return whether this process ends with the stream in hand, which the Master may then run again."""
        cancelled = self._jobs.cancelled and isinstance(error, asyncio.CancelledError)
        return cancelled and stream.order.stream not in self._abandoned and not self._link.forked

    def _failed(self, stream: Request | WebSocket, error: BaseException) -> Failure | None:
        abandoned = stream.order.stream in self._abandoned
        if isinstance(error, asyncio.CancelledError) and (abandoned or self._jobs.cancelled):
            return None
        if isinstance(error, Exception) and (abandoned or stream.has_disconnect):
            self._log.aftermath(error)
            return None
        self._log.exception(error)
        return failure_of(error, "request")

    def _abandon(self, number: int) -> None:
        """Cancel a stream that has not ended in time."""
        if found := self._open.get(number):
            stream, task = found
            self._abandoned.add(number)
            task.cancel()
            if isinstance(stream, WebSocket) and stream.in_hand:
                path = stream.order.scope.path
                message = f"a message of WebSocket {path} was in hand when newer code took over: cancelled it"
                self._link.send(Failed(Failure("request", "Cancelled", message)))


def _name(scope: Scope) -> str:
    """Return the user's name for the stream."""
    return f"{scope.method if scope.type == 'http' else 'WebSocket'} {scope.path}"
