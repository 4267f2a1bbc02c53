"""A Manager process: orders to it, reports from it, and its death."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from devserver.common.exit_reason import exit_reason
from devserver.ipc.asyncio_channel import AsyncioChannel
from devserver.ipc.channel import Channel
from devserver.ipc.messages import FromManager, ToManager
from devserver.master.supervision.spawn import spawn

REAPED_WITHIN = 1.0
"""Seconds in which one that has closed its channel, or was killed, is reaped."""


class ManagerReported(Struct, frozen=True):
    """A Manager has sent a message."""

    manager: int
    message: FromManager
    fds: list[int]


class ManagerLost(Struct, frozen=True):
    """A Manager takes no more orders; ManagerDied follows."""

    manager: int


class ManagerDied(Struct, frozen=True):
    """A Manager has exited and was reaped; its last fact."""

    manager: int
    pid: int
    reason: str


ManagerFact = ManagerReported | ManagerLost | ManagerDied


class Manager:
    """A Manager process and the channel to it; `report` takes its facts. Raises OSError."""

    def __init__(
        self,
        number: int,
        report: Callable[[ManagerFact], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._number = number
        self._report = report
        self._loop = loop
        spawned = spawn()
        self._process = spawned.process
        channel: Channel[FromManager, ToManager] = Channel(spawned.channel, FromManager, carries_fds=True)
        self._link = AsyncioChannel(channel, self._message, self._gone, loop)
        self._reaping: asyncio.Task[None] | None = None
        self._why = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: ToManager) -> None:
        """Send an order. A dead Manager's orders are dropped: its successor gets all of them again."""
        self._link.send(message)

    def discard(self) -> None:
        """Kill it without a report: it has no Worker, and is not needed any more."""
        self._report = _ignore
        self._process.kill()

    def kill(self) -> None:
        """Kill it; ManagerDied follows."""
        self._process.kill()

    def give_up(self, why: str) -> None:
        """Kill it and listen to it no more: what hangs in the kernel dies later."""
        self._why = f", {why}"
        self._process.kill()
        self._gone()

    def _message(self, message: FromManager, fds: list[int]) -> None:
        self._report(ManagerReported(self._number, message, fds))

    def _gone(self) -> None:
        if self._reaping is not None:
            return
        self._link.close()
        self._reaping = self._loop.create_task(self._reap())
        self._report(ManagerLost(self._number))

    async def _reap(self) -> None:
        if not await self._has_ended():
            self._process.kill()
            await self._has_ended()
        code = self._process.returncode
        reason = "SIGKILL" if code is None else exit_reason(code)
        self._report(ManagerDied(self._number, self.pid, reason + self._why))

    async def _has_ended(self) -> bool:
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, REAPED_WITHIN)
        return self._process.returncode is not None


def _ignore(_fact: ManagerFact) -> None:
    pass
