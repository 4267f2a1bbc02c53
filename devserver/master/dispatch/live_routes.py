"""Asks a Worker of the live code which routes the app has.

Laws: a Worker that does not answer delays nothing but the question. It is asked once for all clients.
"""

from __future__ import annotations

import asyncio

from devserver.common.errors import DevserverError
from devserver.ipc.messages import RoutesAsked, RoutesRead
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import Worker

READ_WITHIN = 3.0
"""Seconds."""


class NotRead(DevserverError):
    """One sentence: why the routes could not be read."""


class LiveRoutes:
    """Pass it each RoutesRead, and each Worker that has died."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._asked: dict[int, asyncio.Future[RoutesRead | None]] = {}
        """By Worker; None: it has died."""

    async def read(self, within: float = READ_WITHIN) -> RoutesRead:
        """Return what the Worker with the least work answers. Raises NotRead."""
        worker = self._least_busy()
        if worker is None:
            raise NotRead("no code is live now: devserver wait waits for it, or says why it cannot be")
        asked = self._asked.get(worker.id)
        if asked is None:
            asked = self._asked[worker.id] = asyncio.get_running_loop().create_future()
            worker.link.send(RoutesAsked())
        try:
            answer = await asyncio.wait_for(asyncio.shield(asked), within)
        except TimeoutError:
            text = f"the app has not answered within {within:g} s: it is busy, hangs or waits for input"
            raise NotRead(f"{text} (pid {worker.pid}); try again when it is idle") from None
        if answer is None:
            raise NotRead(f"the app's process has exited meanwhile (pid {worker.pid}): try again")
        return answer

    def on_read(self, worker: Worker, message: RoutesRead) -> None:
        """A Worker has answered."""
        self._settle(worker, message)

    def on_died(self, worker: Worker) -> None:
        """A Worker will never answer."""
        self._settle(worker, None)

    def _settle(self, worker: Worker, answer: RoutesRead | None) -> None:
        asked = self._asked.pop(worker.id, None)
        if asked is not None and not asked.done():
            asked.set_result(answer)

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
