"""Writes lines to a descriptor that may block, from a thread of its own: a stuck reader stops nobody else."""

from __future__ import annotations

import errno
import os
import queue
import sys
import threading
from contextlib import suppress

from devserver.errors import UsageError

MOST_WAITING = 64 * 1024 * 1024
"""Bytes; a reader that is further behind misses lines."""


class LineWriter:
    """Lines leave in order. What is beyond `MOST_WAITING` is dropped and counted in `dropped`."""

    def __init__(self, fd: int, *, owned: bool) -> None:
        self._fd = fd
        self._owned = owned
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.waiting = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name=f"writer of fd {fd}", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Queue a line (with its newline). Never blocks."""
        if self.waiting + len(line) > MOST_WAITING:
            self.dropped += 1
            return
        self.waiting += len(line)
        self._lines.put(line)

    def close(self, patience: float = 1.0) -> None:
        """Write what is left, for at most `patience` seconds."""
        self._lines.put(None)
        self._thread.join(patience)
        if self._owned and not self._thread.is_alive():
            with suppress(OSError):
                os.close(self._fd)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            with suppress(OSError):  # the reader has gone: the server does not care
                self._write_all(line)
            self.waiting -= len(line)

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
            return LineWriter(1, owned=False)
        if where.startswith("fd:"):
            fd = int(where[3:])
            os.fstat(fd)
            os.set_inheritable(fd, False)
            return LineWriter(fd, owned=True)
        return LineWriter(
            os.open(where, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600),
            owned=True,
        )
    except OSError as error:
        raise UsageError(
            f"--events {where} cannot be written ({error.strerror}): "
            "give a file, - for standard output, or fd:N"
        ) from error
