"""The course of a Worker's run: start-up, jobs until it is ordered to drain, stop.

Laws: it exits when nothing is open, after `on_worker_stop`. Only SIGTERM, or the death of the Master, cancels
open jobs. Tasks that jobs left running are cancelled when their time is over. No exception of the app's ends
the loop.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from devserver.common.failure import Failure, Phase
from devserver.ipc.messages import (
    BootDone,
    Failed,
    Handle,
    Imported,
    Leave,
    Leaving,
    RoutesRequested,
    TasksCancelled,
)
from devserver.worker.asgi import shutdown_signal
from devserver.worker.asgi.lifespan import Lifespan
from devserver.worker.asgi.streams import Streams
from devserver.worker.find.apps import App
from devserver.worker.find.discover import Found
from devserver.worker.find.docs import docs_path
from devserver.worker.run import child_signals, logs
from devserver.worker.run.api import Server
from devserver.worker.run.app_loop import AppLoop
from devserver.worker.run.debugger import Debugger
from devserver.worker.run.failures import failure_of
from devserver.worker.run.jobs import Jobs
from devserver.worker.run.master_link import ForLoop, MasterLink
from devserver.worker.run.report_routes import report_routes
from devserver.worker.run.task_places import places

GONE = 5
"""Seconds within which to exit once the Master has left."""

NOTED_AFTER = (0.1, 3.0)
"""Seconds after the start at which a Worker reports its imports; jobs may have imported more."""

NOT_STARTED = Failure("start-up", "NotStarted", "the worker was ordered to exit before it was ready")
"""Not a failure of the app: the Worker is not needed any more."""


def leave_within(seconds: int) -> None:
    """Let the kernel end this process if it still runs in `seconds`."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)


class Runner:
    """Owns the loop from start-up on, and closes it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        link: MasterLink,
        server: Server,
        found: Found,
        debugger: Debugger,
        threads: int,
    ) -> None:
        self._loop = loop
        self._app_loop = AppLoop(loop, link)
        self._link = link
        self._server = server
        self._found, self._handlers = found, found.handlers
        self._debugger = debugger
        self._jobs = Jobs(found.handlers, link, server, debugger)
        self._app = found.app.kind if found.app else ""
        self._docs = docs_path(found.app.call) if found.app else ""
        self._threads = threads
        self._streams: Streams | None = None
        self._lifespan: Lifespan | None = None
        if found.app is not None:
            self._serve(found.app)
        self._leaving = asyncio.Event()
        self._starting: asyncio.Task[Failure | None] | None = None
        self._hurried = False
        self.before_ready: Callable[[], object] = lambda: None
        """Called when the app has started, just before that is reported."""
        self.after_ready: Callable[[], object] = lambda: None
        """Called just after that, before any job, while the Master takes the report."""
        self._imports: Callable[[], Imported] | None = None
        self._imports_reported = False
        self._imports_first = False

    def _serve(self, app: App) -> None:
        call = app.call
        if app.kind == "wsgi":
            from devserver.worker.asgi.wsgi import WSGI

            call = WSGI(call, self._threads)
        self._lifespan = Lifespan(call)
        self._streams = Streams(
            call,
            self._link,
            self._jobs,
            self._debugger,
            threaded=app.kind == "wsgi",
            state=self._lifespan.state,
        )

    @property
    def terminated(self) -> bool:
        """Return whether it has received SIGTERM."""
        return self._app_loop.terminated

    def report_imports(self, taken: Callable[[], Imported], *, first: bool) -> None:
        """Report what `taken` returns soon after BootDone, and later; `first`: just before it, too."""
        self._imports, self._imports_first = taken, first

    def run(self, import_ms: float) -> Failure | None:
        """Start up, report BootDone, run until the Worker is to exit; or return why start-up failed."""
        asyncio.set_event_loop(self._loop)
        self._loop.set_task_factory(cast("Any", self._jobs.new_task))
        self._loop.add_signal_handler(signal.SIGTERM, self._terminate)
        child_signals.undo_in_children()
        self._link.attach(self._loop, self._take, self._lose)
        try:
            failure: Failure | None = self._app_loop.drive(self._loop.create_task(self._course(import_ms)))
            return failure
        finally:
            self._app_loop.wind_up()
            self._link.detach()
            self._loop.remove_signal_handler(signal.SIGTERM)
            self._app_loop.close()

    def _terminate(self) -> None:
        self._app_loop.terminate()
        self._report_cancelled(self._jobs.in_hand, True)
        self._report_cancelled([*self._jobs.left_behind, *self._app_loop.rest], False)
        self.hurry()

    def hurry(self) -> None:
        """Exit soon: cancel what is open."""
        self._hurried = True
        self._leaving.set()
        self._jobs.cancel()
        if self._starting is not None:
            self._starting.cancel()

    async def _course(self, import_ms: float) -> Failure | None:
        began = time.perf_counter()
        self._starting = self._loop.create_task(self._start())
        try:
            failure = await self._starting
        except asyncio.CancelledError:
            if not self._hurried:
                raise
            return NOT_STARTED
        if failure is not None:
            return NOT_STARTED if self._hurried else failure
        self._report_ready(import_ms, began)
        await self._leaving.wait()
        await self._drain()
        return None

    def _report_ready(self, import_ms: float, began: float) -> None:
        """Report that jobs may come, and what was imported. `began`: when the start-up began."""
        self._debugger.ended()
        self.before_ready()
        if self._imports_first:
            self._report_imports()
        self._link.send(
            BootDone(
                self._server.worker,
                self._server.generation,
                self._handlers.names,
                self._handlers.framing,
                self._handlers.capacity,
                import_ms,
                start_ms=(time.perf_counter() - began) * 1000,
                app=self._app,
                app_capacity=self._threads if self._app == "wsgi" else 0,
                docs=self._docs,
                logs_requests=logs.are_requests_heard(),
            )
        )
        self.after_ready()
        for moment in NOTED_AFTER if self._imports is not None else ():
            self._loop.call_later(moment, self._report_imports)

    async def _drain(self) -> None:
        """Finish what is in hand, then stop the app."""
        if not self._imports_reported:  # a save came soon
            self._report_imports()
        shutdown_signal.send()
        await self._jobs.finished()
        await self._deliver()
        self._link.send(Leaving(_waited_for()))
        for failure in (await self._stop_app(), await self._hook("on_worker_stop", "stop")):
            if failure is not None:
                self._link.send(Failed(failure))
        self._report_cancelled(self._jobs.left_behind, False)
        if await self._deliver():
            self._link.send(Leaving(_waited_for()))

    async def _deliver(self) -> bool:
        """Wait for the clients that have yet to read what was sent to them; return whether there were any."""
        if self._hurried or not self._link.unsent:
            return False
        self._link.send(Leaving(unsent=True))
        self._jobs.track(self._loop.create_task(self._link.drained()))
        await self._jobs.finished()
        return True

    def _report_cancelled(self, tasks: Sequence[asyncio.Task[Any]], in_hand: bool) -> None:
        if tasks:
            self._link.send(TasksCancelled(places(tasks), in_hand))

    def _report_imports(self) -> None:
        if self._imports is not None:
            self._imports_reported = True
            self._link.send(self._imports())

    async def _start(self) -> Failure | None:
        failure = await self._hook("on_worker_start", "start-up")
        if failure is None and self._lifespan is not None:
            failure = await self._lifespan.start()
        return failure

    async def _stop_app(self) -> Failure | None:
        return await self._lifespan.stop() if self._lifespan is not None else None

    async def _hook(self, name: str, phase: Phase) -> Failure | None:
        """Run `on_worker_start` or `on_worker_stop`, if there is one."""
        handler = self._handlers.found.get(name)
        try:
            result = handler.call(self._server) if handler else None
            if inspect.isawaitable(result):
                await result
        except GeneratorExit:
            raise
        except BaseException as error:
            return failure_of(error, phase)
        return None

    # what the loop calls

    def _take(self, message: ForLoop) -> None:
        match message:
            case Leave(patience=patience):
                self._leaving.set()
                self._loop.call_later(patience, self._jobs.let_go)
            case Handle():
                self._jobs.run(message)
            case RoutesRequested():
                report_routes(self._found, self._link)
            case _ if self._streams is not None:
                self._streams.take(message)

    def _lose(self) -> None:
        """Exit because the Master has left, in good order if that does not take long."""
        leave_within(GONE)
        self.hurry()


def _waited_for() -> tuple[tuple[int, str], ...]:
    """Return the threads that the interpreter waits for before it exits."""
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    return tuple((thread.ident or 0, thread.name) for thread in others if not thread.daemon)
