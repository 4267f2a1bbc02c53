"""The app's lifespan, as uvicorn's `auto` runs it: start-up before the Worker is ready, shutdown at its end.

Law: a start-up that the app reports as failed is a failed boot. If start-up has run, shutdown runs, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from devserver.common.failure import Failure
from devserver.worker.run.failures import failure_of

RAISES_WITHIN = 1.0
"""Seconds after "start-up has failed" in which the app may still raise the error itself."""
Event = dict[str, Any]
ASGIApp = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]


class Lifespan:
    """`state` is filled by the app; each request gets a copy in its scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.state: dict[str, Any] = {}
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._failure: Failure | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> Failure | None:
        """Run the start-up; return why it failed, or None. An app without lifespan just starts."""
        self._events.put_nowait({"type": "lifespan.startup"})
        self._task = asyncio.get_running_loop().create_task(self._run())
        await self._started.wait()
        return self._failure

    async def stop(self) -> Failure | None:
        """Run the shutdown, if there is one; return why it failed, or why the lifespan ended earlier."""
        if self._task is None or self._task.done():
            return self._failure
        self._events.put_nowait({"type": "lifespan.shutdown"})
        await self._stopped.wait()
        return self._failure

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._events.get, self._send)
        except BaseException as error:
            if self._started.is_set() and not isinstance(error, asyncio.CancelledError):
                self._fail(failure_of(error, "stop"))
            elif self._failure is not None or not isinstance(error, Exception):
                self._failure = failure_of(error, "start-up")  # it has more than the text that the app sent
        finally:
            self._started.set()
            self._stopped.set()

    def _fail(self, failure: Failure) -> None:
        if self._failure is None:
            self._failure = failure

    async def _send(self, message: Event) -> None:
        match message["type"]:
            case "lifespan.startup.complete":
                self._started.set()
            case "lifespan.startup.failed":
                text = message.get("message") or "the app's lifespan reported that start-up failed"
                self._fail(Failure("start-up", "StartupFailed", text))
                asyncio.get_running_loop().call_later(RAISES_WITHIN, self._started.set)
            case "lifespan.shutdown.complete":
                self._stopped.set()
            case "lifespan.shutdown.failed":
                text = message.get("message") or "the app's lifespan reported that shutdown failed"
                self._fail(Failure("stop", "ShutdownFailed", text))
                self._stopped.set()
            case other:
                raise RuntimeError(f"Unexpected ASGI message '{other}' during the lifespan.")
