"""The regular file of the server's output, if it has one: `devserver logs` reads it directly."""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from collections import deque
from contextlib import suppress

MOST_MARKS = 3600
BETWEEN_MARKS = 1.0
LARGEST = 64 * 1024 * 1024
"""Bytes of a log of our own; beyond that it is truncated."""
CUT = b"devserver: earlier lines were dropped: the log had reached %d MiB\n" % (LARGEST // 2**20)
_F_GETPATH = 50


class OutputFile:
    """A regular file behind a descriptor, with marks of its size over time.

    Raises ValueError if it is not a regular file. In a folder of `owned_in` devserver may truncate it.
    """

    def __init__(self, fd: int, owned_in: tuple[str, ...] = ()) -> None:
        self._fd = fd
        self.path = _path_of(fd)
        self._owned = os.path.dirname(self.path) in owned_in
        self._marks: deque[tuple[float, int]] = deque([(0.0, self._size())], maxlen=MOST_MARKS)
        self._begin = self._marks[0][1]

    def mark(self, at: float) -> None:
        """Note the file's size, about once a second."""
        if at < self._marks[-1][0] + BETWEEN_MARKS:
            return
        size = self._size()
        if self._owned and size > LARGEST:
            with suppress(OSError):
                os.ftruncate(self._fd, 0)
                os.write(self._fd, CUT)
            self._marks.clear()
            self._begin = size = 0
        self._marks.append((at, size))

    def offset(self, since: float) -> int:
        """Return the offset of the output since then, or a little before."""
        before = [size for at, size in self._marks if at <= since]
        return before[-1] if before and since else self._begin

    def is_behind(self, fd: int) -> bool:
        """Return whether another descriptor refers to the same file."""
        with suppress(OSError):
            return os.path.sameopenfile(self._fd, fd)
        return False

    def _size(self) -> int:
        with suppress(OSError):
            return os.fstat(self._fd).st_size
        return 0


def _path_of(fd: int) -> str:
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or not found.st_nlink:
            raise ValueError(f"descriptor {fd} is no file that has a name")
        if sys.platform == "darwin":
            return os.fsdecode(fcntl.fcntl(fd, _F_GETPATH, b"\0" * 1024).rstrip(b"\0"))
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError as error:
        raise ValueError(f"descriptor {fd} is no file that has a name") from error
