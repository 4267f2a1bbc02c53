"""Asks a Worker of the live code for the app's routes.

Laws: a Worker that does not answer delays only this question. It is asked once for all clients.
"""

from __future__ import annotations

import asyncio

from devserver.common.errors import DevserverError
from devserver.ipc.messages import RoutesRead, RoutesRequested
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import Worker

READ_WITHIN = 3.0
"""Seconds."""


class NotRead(DevserverError):
    """The routes could not be read; the message is one sentence with the reason."""


class LiveRoutes:
    """Pass each RoutesRead to `on_read`, and each dead Worker to `on_died`."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._pending: dict[int, asyncio.Future[RoutesRead | None]] = {}
        """By Worker; None: it has died."""

    async def read(self, within: float = READ_WITHIN) -> RoutesRead:
        """Return the answer of the least busy Worker. Raises NotRead."""
        worker = self._least_busy()
        if worker is None:
            raise NotRead("no code is live now: devserver wait waits for it, or shows why it is not")
        pending = self._pending.get(worker.id)
        if pending is None:
            pending = self._pending[worker.id] = asyncio.get_running_loop().create_future()
            worker.link.send(RoutesRequested())
        try:
            async with asyncio.timeout(within):
                answer = await asyncio.shield(pending)
        except TimeoutError:
            text = f"the app has not answered within {within:g} s: it is busy, hangs or waits for input"
            raise NotRead(f"{text} (pid {worker.pid}); try again when it is idle") from None
        if answer is None:
            raise NotRead(f"the app's process exited before it answered (pid {worker.pid}): try again")
        return answer

    def on_read(self, worker: Worker, message: RoutesRead) -> None:
        """A Worker has answered."""
        self._settle(worker, message)

    def on_died(self, worker: Worker) -> None:
        """A Worker will never answer."""
        self._settle(worker, None)

    def _settle(self, worker: Worker, answer: RoutesRead | None) -> None:
        pending = self._pending.pop(worker.id, None)
        if pending is not None and not pending.done():
            pending.set_result(answer)

    def _least_busy(self) -> Worker | None:
        dispatcher = self._dispatcher
        loads = {number: running for number, (running, _) in dispatcher.loads().items()}
        ready = [worker for number, worker in dispatcher.workers.items() if number in loads]
        live = [
            worker
            for worker in ready
            if worker.generation == dispatcher.code.generation and not dispatcher.is_retired(worker)
        ]
        return min(live, key=lambda worker: loads[worker.id], default=None)
