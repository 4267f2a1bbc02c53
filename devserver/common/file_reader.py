"""Reads files of the project for an event loop: in a thread, with a deadline.

Law: it never waits for a pipe or a device. If a disk does not answer, only the caller waits.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from contextlib import suppress

PATIENCE = 5.0
"""Seconds that a read may take."""


def read_regular(path: str, largest: int) -> bytes | None:
    """Return the first `largest` bytes of a file, None if it is absent or no regular file."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            return file.read(largest) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except (OSError, ValueError):
        return None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


class Reader:
    """Reads one file for the loop. While a read is stuck, no second one starts."""

    def __init__(self, path: str, largest: int) -> None:
        self._path = path
        self._largest = largest
        self._stuck: asyncio.Future[bytes | None] | None = None

    async def read(self, patience: float = PATIENCE) -> bytes | None:
        """Return what `read_regular` does. Raises TimeoutError."""
        reading = self._stuck or self._begin()
        try:
            async with asyncio.timeout(patience):
                data = await asyncio.shield(reading)
        except TimeoutError:
            self._stuck = reading
            raise
        self._stuck = None
        return data

    def _begin(self) -> asyncio.Future[bytes | None]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes | None] = loop.create_future()

        def read() -> None:
            data = read_regular(self._path, self._largest)
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(future.set_result, data)

        # A daemon: the exit waits for the executor's threads, and this one may never end.
        threading.Thread(target=read, name=f"read {self._path}", daemon=True).start()
        return future
