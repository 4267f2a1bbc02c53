"""The graceful stop, which answers what was received, closes, and drains the Workers; and the hard stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from devserver.master.master import Master

LEAST_FOR_WORKERS = 0.5
"""Seconds that the Workers get even when the connections have used up the deadline."""
HARD_STOP = 5.0


async def stop_gently(master: Master, patience: float) -> None:
    """Stop accepting and reading, finish what was received, close, retire the Workers: in `patience` seconds.

    Work that does not finish in time is aborted and reported.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    clients = master.clients
    master.listening.close()
    clients.stop_reading()
    if master.generations.live:
        await _until(lambda: clients.quiet, master.progress, deadline)
    clients.close_all()
    if master.generations.live:
        await _until(lambda: clients.quiet and clients.gone, master.progress, deadline)
    clients.abort_all()
    left = max(deadline - loop.time(), LEAST_FOR_WORKERS)
    master.supervisor.stop(left)
    with suppress(TimeoutError):
        async with asyncio.timeout(left + HARD_STOP):
            await master.supervisor.gone.wait()
    master.close()


async def stop_now(master: Master) -> None:
    """End every process at once."""
    master.listening.close()
    master.clients.abort_all()
    master.supervisor.stop(0)
    with suppress(TimeoutError):
        async with asyncio.timeout(HARD_STOP):
            await master.supervisor.gone.wait()
    master.close()


async def _until(condition: Callable[[], bool], progress: asyncio.Event, deadline: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            while not condition():
                progress.clear()
                await progress.wait()
