"""The event loop that the app runs on: it is driven until a Worker exits, and closed in good order.

Laws: no exception of the app's ends the loop. At its end all tasks are cancelled; that is waited for, unless
the process is terminated.
"""

from __future__ import annotations

import asyncio
from typing import Any

from devserver.common.failure import Failure
from devserver.ipc.messages import Failed
from devserver.worker.run.failures import failure_of
from devserver.worker.run.master_link import MasterLink

_EXITS = (SystemExit, KeyboardInterrupt)
"""What asyncio lets through from tasks and callbacks."""


class AppLoop:
    """Owns `loop`; what fails on it is reported over `link`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, link: MasterLink) -> None:
        self._loop = loop
        self._link = link
        self.terminated = False
        """The process has received SIGTERM: the sender does not wait for long."""
        self.rest: set[asyncio.Task[Any]] = set()
        """Tasks that are being cancelled at the end."""
        self._given_up: asyncio.Event | None = None
        """Set when the wait for what still runs after the app's stop is given up."""
        loop.set_exception_handler(self._report)

    def terminate(self) -> None:
        """Wait for nothing any more at the end."""
        self.terminated = True
        if self._given_up is not None:
            self._given_up.set()

    def drive(self, task: asyncio.Task[Any]) -> Any:
        """Run the loop until `task` is done; return its result."""
        while True:
            try:
                return self._loop.run_until_complete(task)
            except _EXITS as error:
                self._link.send(Failed(failure_of(error, "handler")))
            except RuntimeError:
                if task.done() or self._loop.is_closed():
                    raise
                message = "the app has stopped the event loop that it runs on: the loop goes on"
                self._link.send(Failed(Failure("handler", "LoopStopped", message)))

    def wind_up(self) -> None:
        """End what outlives the jobs."""
        self._given_up = asyncio.Event()
        self.drive(self._loop.create_task(self._end_rest(self._given_up)))

    def close(self) -> None:
        """Close the loop, unless something may still run on it."""
        if self._given_up is None or not self._given_up.is_set():
            self._loop.close()

    async def _end_rest(self, given_up: asyncio.Event) -> None:
        """End what outlives the jobs, and wait for it until that is given up."""
        self.rest = asyncio.all_tasks() - {current for current in (asyncio.current_task(),) if current}
        either = [self._loop.create_task(work) for work in (self._cancel_rest(), given_up.wait())]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not given_up.is_set():
            either[1].cancel()
            await asyncio.wait(either)

    async def _cancel_rest(self) -> None:
        """Cancel the tasks of `on_worker_start`; end generators and the executor's threads."""
        for task in self.rest:
            task.cancel()
        if self.rest:
            await asyncio.wait(self.rest)
        self.rest = set()
        await self._loop.shutdown_asyncgens()
        if not self.terminated:
            await self._loop.shutdown_default_executor()

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, _EXITS):
            return  # reported when it came through the loop
        if isinstance(error, BaseException):
            failure = failure_of(error, "handler")
        else:
            failure = Failure("handler", "asyncio", str(context.get("message", "")))
        self._link.send(Failed(failure))
