"""Runs the app's handlers, one job each, and tracks open work.

Laws: a handler can fail, but never end the Worker. Sync handlers run on the event loop itself, in the main
thread; each async one is a task. Open work is every job, and every task that a job has started.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn
from weakref import WeakValueDictionary

from devserver.common.errors import StateError
from devserver.ipc.messages import Handle, Handled
from devserver.worker.find.handlers import Handlers
from devserver.worker.run import environment
from devserver.worker.run.api import Connection, Server
from devserver.worker.run.current_job import context_of, current
from devserver.worker.run.debugger import Debugger
from devserver.worker.run.failures import failure_of
from devserver.worker.run.master_link import MasterLink


class Jobs:
    """The jobs of one Worker."""

    def __init__(self, handlers: Handlers, link: MasterLink, server: Server, debugger: Debugger) -> None:
        self._handlers = handlers
        self._link = link
        self._server = server
        self._debugger = debugger
        self._connections: WeakValueDictionary[int, Connection] = WeakValueDictionary()
        self._open: set[asyncio.Task[Any]] = set()
        self._offspring: set[asyncio.Task[Any]] = set()
        """Tasks that jobs have started: open work, too, but some never end."""
        self._let_go = asyncio.Event()
        self.cancelled = False
        """The open work was cancelled."""

    # what is open

    def new_task(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        """Create a task; if a job starts it, count it as open work. This is the loop's task factory."""
        task = asyncio.Task(work, loop=loop, **options)
        if current.get() is not None:
            self._offspring.add(task)
            task.add_done_callback(self._offspring.discard)
        return task

    def track(self, task: asyncio.Task[Any]) -> None:
        """Count `task` as open work until it is done."""
        self._open.add(task)
        self._offspring.discard(task)
        task.add_done_callback(self._open.discard)

    async def finished(self) -> None:
        """Return once there is no open work."""
        while self._open or (self._offspring and not self._let_go.is_set()):
            let_go = asyncio.ensure_future(self._let_go.wait())
            waited_for = self._open if self._let_go.is_set() else {*self._open, *self._offspring, let_go}
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
            let_go.cancel()

    def let_go(self) -> None:
        """Stop waiting for tasks that jobs have started and left running."""
        self._let_go.set()

    @property
    def in_hand(self) -> list[asyncio.Task[Any]]:
        """Return the tasks of jobs."""
        return list(self._open)

    @property
    def left_behind(self) -> list[asyncio.Task[Any]]:
        """Return the tasks that jobs have started and that still run."""
        return list(self._offspring)

    def cancel(self) -> None:
        """Cancel the open work, and stop waiting for clients that read slowly."""
        self.cancelled = True
        for task in (*self._open, *self._offspring):
            task.cancel()

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `work` as a job, in a task. That task, and every task that it starts, is open work."""
        task = asyncio.get_running_loop().create_task(work, context=context_of(name))
        self.track(task)
        return task

    # one job

    def run(self, handle: Handle) -> None:
        """Run a sync handler to its end, or begin an async one."""
        conn = self._connection(handle)
        handler = self._handlers.of(handle.kind)
        if handler is None:
            self._link.send(Handled(handle.job))
            return
        context = context_of(f"{handle.kind} of connection {handle.connection}")
        arguments = (conn, handle.data) if handle.kind == "receive" else (conn,)
        if handler.asynchronous:
            self._begin(handle, conn, _call(handler.call, arguments), context)
            return
        self._link.synchronous = True
        try:
            result = context.run(handler.call, *arguments)
        except BaseException as error:
            self._link.send(context.run(self._outcome, handle, conn, error))
            return
        finally:
            self._link.synchronous = False
        if inspect.isawaitable(result):  # async after all: a decorator has hidden it
            self._begin(handle, conn, result, context)
        else:
            self._link.send(context.run(self._outcome, handle, conn, None))

    def _connection(self, handle: Handle) -> Connection:
        outbox = self._link.outbox(handle.connection, handle.window)
        conn = self._connections.get(handle.connection)
        if conn is None:
            conn = Connection(outbox, handle.peer, handle.transport, self._server)
            self._connections[conn.id] = conn
        conn.begin(outbox, handle.state)
        return conn

    def _begin(
        self, handle: Handle, conn: Connection, work: Awaitable[object], context: contextvars.Context
    ) -> None:
        loop = asyncio.get_running_loop()
        self.track(loop.create_task(self._await(handle, conn, work), context=context))

    async def _await(self, handle: Handle, conn: Connection, work: Awaitable[object]) -> None:
        error: BaseException | None = None
        try:
            await work
        except GeneratorExit:  # the loop is closed under it
            raise
        except BaseException as raised:
            error = raised
        if self.cancelled and isinstance(error, asyncio.CancelledError) and not self._link.forked:
            return  # this process ends with the job in hand: the Master reports it as lost
        outcome = self._outcome(handle, conn, error)
        try:
            if not self.cancelled:
                await conn.drain()
        except asyncio.CancelledError:
            pass  # the Worker has to exit
        self._link.send(outcome)

    def _outcome(self, handle: Handle, conn: Connection, error: BaseException | None) -> Handled:
        """Return how the job has ended, and seal its state."""
        if self._link.forked:
            end_child(error)
        packed = None
        if error is None:
            try:
                packed = conn.state.encode()
            except StateError as refused:
                error = refused
        conn.state.seal()
        environment.flush()
        self._debugger.ended()
        if error is not None:
            return Handled(handle.job, failure=failure_of(error, "handler"))
        return Handled(handle.job, state=None if packed == handle.state else packed)


def end_child(error: BaseException | None) -> NoReturn:
    """Exit from a process that a handler has forked and that returned here: the loop is its parent's."""
    code: object = 0
    if isinstance(error, SystemExit):
        code = error.code or 0
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    environment.flush()
    os._exit(code if isinstance(code, int) else 1)


async def _call(handler: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    await handler(*arguments)
