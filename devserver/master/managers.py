"""A Manager as the Master has it: orders to it, reports of it, and when it has died."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from devserver.exits import exit_reason
from devserver.master.spawning import spawn
from devserver.wire.attached import Attached
from devserver.wire.channel import Channel
from devserver.wire.messages import FromManager, ToManager

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before the next Manager when several died without having served."""


class Manager:
    """A Manager process and the channel to it.

    `on_message(manager, message, fds)` for each report, then `on_exit(manager, reason)` once. Raises OSError.
    """

    def __init__(
        self,
        on_message: Callable[[Manager, FromManager, list[int]], None],
        on_exit: Callable[[Manager, str], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.preloaded = False
        """Its Workers inherit modules that it has imported."""
        self._on_message = on_message
        self._on_exit = on_exit
        self._loop = loop
        spawned = spawn()
        self._process = spawned.process
        channel: Channel[FromManager, ToManager] = Channel(spawned.channel, FromManager, carries_fds=True)
        self._link = Attached(channel, self._message, self._gone, loop)
        self._reaping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def gone(self) -> bool:
        """Tell whether it has left; `on_exit` follows or has been called."""
        return self._reaping is not None

    def send(self, message: ToManager) -> None:
        """Give an order; dropped when the Manager has died, for its successor is told everything anew."""
        self._link.send(message)

    def dismiss(self) -> None:
        """End it: it has no Worker, and nobody wants to hear of it any more."""
        self._on_message = _ignore
        self._on_exit = _ignore
        self._process.kill()

    def kill(self) -> None:
        """End it at once; `on_exit` follows."""
        self._process.kill()

    def _message(self, message: FromManager, fds: list[int]) -> None:
        self._on_message(self, message, fds)

    def _gone(self) -> None:
        self._link.close()
        self._reaping = self._loop.create_task(self._reap())

    async def _reap(self) -> None:
        try:
            await asyncio.wait_for(asyncio.to_thread(self._process.wait), timeout=1.0)
        except TimeoutError:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        self._on_exit(self, exit_reason(self._process.returncode))


def _ignore(*_: object) -> None:
    pass
