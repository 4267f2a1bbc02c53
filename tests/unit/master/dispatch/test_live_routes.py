"""Who is asked for the routes, and what a client is told where no answer comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from devserver.ipc.messages import Route, RoutesRead, RoutesRequested
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.live_code import LiveCode
from devserver.master.dispatch.live_routes import LiveRoutes, NotRead
from devserver.master.dispatch.queue import ServedBy
from devserver.master.dispatch.worker import Worker
from tests.fakes.worker import FakeWorker

ANSWER = RoutesRead((Route(path="/", kind="http"),))


class WaitingJob:
    """A request that stays in hand."""

    queued = False
    kind: ServedBy = "app"

    def startable(self) -> bool:
        return True

    def start(self, worker: Worker, number: int) -> None:
        """Begin, and do not end."""

    def on_worker_died(self, worker: Worker, number: int, reason: str) -> None:
        raise AssertionError("it lives")


def as_worker(worker: FakeWorker) -> Worker:
    return cast(Worker, worker)


def routes_of(*workers: FakeWorker, jobs: int = 0) -> LiveRoutes:
    """Return what asks these Workers; the live generation is 2, and `jobs` requests run."""
    dispatcher = Dispatcher(lambda: None)
    dispatcher.go_live(LiveCode(2))
    for worker in workers:
        dispatcher.add(as_worker(worker))
        dispatcher.accept(as_worker(worker), worker.capacity)
    for _ in range(jobs):
        dispatcher.offer(WaitingJob())
    return LiveRoutes(dispatcher)


def asked(worker: FakeWorker) -> int:
    return len(worker.received(RoutesRequested))


def in_time(use: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(use(), 20)

    asyncio.run(main())


def test_the_idle_worker_of_the_live_code_is_asked_once() -> None:
    """Two clients share its answer; the next client asks again."""

    async def use() -> None:
        old, busy, idle = FakeWorker(1, 1), FakeWorker(2, 2), FakeWorker(3, 2)
        routes = routes_of(old, busy, idle, jobs=1)
        one, two = asyncio.ensure_future(routes.read()), asyncio.ensure_future(routes.read())
        await asyncio.sleep(0)
        chosen, other = (idle, busy) if asked(idle) else (busy, idle)
        assert (asked(old), asked(chosen), asked(other)) == (0, 1, 0)
        routes.on_read(as_worker(chosen), ANSWER)
        assert await one is await two is ANSWER
        three = asyncio.ensure_future(routes.read())
        await asyncio.sleep(0)
        assert asked(chosen) == 2
        routes.on_read(as_worker(chosen), ANSWER)
        await three

    in_time(use)


def test_a_worker_that_does_not_answer_gets_no_second_question() -> None:
    """The client gets the reason; the late answer is that of the next client."""

    async def use() -> None:
        worker = FakeWorker(1, 2)
        routes = routes_of(worker)
        for _ in range(3):
            with pytest.raises(NotRead, match=r"has not answered within 0 s: it is busy, hangs or waits"):
                await routes.read(within=0)
        assert asked(worker) == 1
        late = asyncio.ensure_future(routes.read())
        await asyncio.sleep(0)
        routes.on_read(as_worker(worker), ANSWER)
        assert await late is ANSWER
        assert asked(worker) == 1

    in_time(use)


def test_a_worker_that_dies_or_is_not_there_is_a_sentence() -> None:
    """At once, not after the time limit."""

    async def use() -> None:
        worker = FakeWorker(1, 2)
        routes = routes_of(worker)
        reading = asyncio.ensure_future(routes.read())
        await asyncio.sleep(0)
        routes.on_died(as_worker(worker))
        with pytest.raises(NotRead, match="exited before it answered"):
            await reading
        with pytest.raises(NotRead, match="no code is live now"):
            await routes_of(FakeWorker(1, 1)).read()

    in_time(use)
