"""Launches Managers and tells when one has died; nothing else in the Master starts a process that forks."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable

from devserver.exits import exit_reason
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
        ours, theirs = socket.socketpair()
        command = [
            sys.executable,
            *_interpreter_flags(),
            "-P",
            "-m",
            "devserver.manager",
            str(theirs.fileno()),
        ]
        try:
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        channel: Channel[FromManager, ToManager] = Channel(ours, FromManager, carries_fds=True)
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


def _interpreter_flags() -> list[str]:
    """Return the flags that this interpreter was started with (-X, -W, -O …): the app sees them too."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [flag for flag in flags if flag != "-P"]
