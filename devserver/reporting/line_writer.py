"""Writes lines to a descriptor that may block, in a thread: a reader that hangs blocks only that thread."""

from __future__ import annotations

import errno
import os
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from devserver.common import events
from devserver.common.errors import UsageError

MOST_WAITING = 64 * 1024 * 1024
"""Bytes; a reader that is further behind misses lines."""


class LineWriter:
    """Writes lines in order. Lines beyond `MOST_WAITING` are dropped; `lost` returns the line that reports
    it.
    """

    def __init__(self, fd: int, *, owned: bool, lost: Callable[[int], bytes]) -> None:
        self._fd = fd
        self._owned = owned
        self._lost = lost
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._put = 0
        self._taken = 0  # by the thread alone, as `_put` by the caller's: `+=` on one number would lose some
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name=f"writer of fd {fd}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Return the bytes that the reader has not taken yet."""
        return self._put - self._taken

    def write(self, line: bytes) -> None:
        """Queue a line (with its newline). Never blocks."""
        if self.waiting + len(line) > MOST_WAITING:
            self._dropped += 1
            return
        if self._dropped:
            line, self._dropped = self._lost(self._dropped) + line, 0
        self._put += len(line)
        self._lines.put(line)

    def close(self, patience: float = 1.0) -> None:
        """Write the lines that are left, for at most `patience` seconds."""
        self._lines.put(None)
        self._thread.join(patience)
        if self._owned and not self._thread.is_alive():
            with suppress(OSError):
                os.close(self._fd)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            with suppress(OSError):  # the reader has exited: that must not stop the server
                self._write_all(line)
            self._taken += len(line)

    def _write_all(self, line: bytes) -> None:
        view = memoryview(line)
        while view:
            view = view[os.write(self._fd, view) :]


def open_events(where: str) -> LineWriter:
    """Open what `--events` names: a path, `-` for stdout, `fd:N`. Raises UsageError."""
    try:
        if where == "-":
            if sys.stdout is None:
                raise OSError(errno.EBADF, "standard output is closed")
            return LineWriter(1, owned=False, lost=_lost_events)
        if where.startswith("fd:"):
            fd = int(where[3:])
            os.fstat(fd)
            os.set_inheritable(fd, False)
            return LineWriter(fd, owned=True, lost=_lost_events)
        file = os.open(where, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return LineWriter(file, owned=True, lost=_lost_events)
    except OSError as error:
        raise UsageError(
            f"--events {where} cannot be written ({error.strerror}): "
            "give a file, - for standard output, or fd:N"
        ) from error


def _lost_events(count: int) -> bytes:
    return events.encode(events.Lost(what=f"{count} events", reason="the reader of --events is too slow"))
