"""A Manager process: orders to it, reports from it, and its death, also when it does not answer."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from devserver.common.exit_reason import exit_reason
from devserver.ipc.asyncio_channel import AsyncioChannel
from devserver.ipc.channel import Channel
from devserver.ipc.messages import FromManager, Ping, Pong, ToManager
from devserver.master.supervision import heartbeat
from devserver.master.supervision.heartbeat import Heartbeat
from devserver.master.supervision.spawn import spawn

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before the next Manager when several died without having served."""
REAPED_WITHIN = 1.0
"""Seconds in which one that has closed its channel, or was killed, is reaped."""


class ManagerReported(Struct, frozen=True):
    """A Manager has sent a message."""

    manager: Manager
    message: FromManager
    fds: list[int]


class ManagerDied(Struct, frozen=True):
    """A Manager has exited and was reaped; its last fact."""

    manager: Manager
    reason: str


ManagerFact = ManagerReported | ManagerDied


class Manager:
    """A Manager process and the channel to it; `report` takes its facts. Raises OSError.

    A watched one that does not answer is killed, so that it cannot come back beside another.
    """

    def __init__(
        self,
        report: Callable[[ManagerFact], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.preloaded = False
        """Its Workers inherit modules that it has imported."""
        self._report = report
        self._loop = loop
        spawned = spawn()
        self._process = spawned.process
        channel: Channel[FromManager, ToManager] = Channel(spawned.channel, FromManager, carries_fds=True)
        self._link = AsyncioChannel(channel, self._message, self._gone, loop)
        self._reaping: asyncio.Task[None] | None = None
        self._pulse = Heartbeat()
        self._due: Callable[[], bool] | None = None
        self._ticking: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def gone(self) -> bool:
        """Return whether it has exited; ManagerDied follows or was reported."""
        return self._reaping is not None

    def send(self, message: ToManager) -> None:
        """Send an order. A dead Manager's orders are dropped: its successor gets all of them again."""
        self._link.send(message)
        self.expect()

    def watch(self, due: Callable[[], bool]) -> None:
        """Require answers from now on: after each order, and for as long as something is `due`."""
        self._due = due
        self.expect()

    def expect(self) -> None:
        """Check whether it answers, if it is watched: something is due."""
        if self._due is not None and not self.gone and self._pulse.expect():
            self._ask()

    def _ask(self) -> None:
        self._link.send(Ping())
        if self._ticking is None:
            self._ticking = self._loop.call_later(heartbeat.TICK, self._tick)

    def _tick(self) -> None:
        self._ticking = None
        if self.gone or self._due is None:
            return
        if self._pulse.tick(self._due()):
            self._ask()
        elif self._pulse.hung:
            self._process.kill()
            self._gone()  # its channel may stay open: a process that hangs in the kernel dies later
        elif self._pulse.awake:
            self._ticking = self._loop.call_later(heartbeat.TICK, self._tick)

    def discard(self) -> None:
        """Kill it without a report: it has no Worker, and is not needed any more."""
        self._report = _ignore
        self._due = None
        self._process.kill()

    def kill(self) -> None:
        """Kill it; ManagerDied follows."""
        self._process.kill()

    def _message(self, message: FromManager, fds: list[int]) -> None:
        self._pulse.on_message()
        if isinstance(message, Pong):
            self._pulse.on_answered()
        else:
            self._report(ManagerReported(self, message, fds))

    def _gone(self) -> None:
        if self.gone:
            return
        self._link.close()
        self._reaping = self._loop.create_task(self._reap())

    async def _reap(self) -> None:
        if not await self._has_ended():
            self._process.kill()
            await self._has_ended()
        code = self._process.returncode
        reason = "SIGKILL" if code is None else exit_reason(code)
        if self._pulse.hung:
            reason += f", for it had not answered for {heartbeat.PATIENCE * heartbeat.TICK:g} s"
        self._report(ManagerDied(self, reason))

    async def _has_ended(self) -> bool:
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, REAPED_WITHIN)
        return self._process.returncode is not None


def _ignore(_fact: ManagerFact) -> None:
    pass
