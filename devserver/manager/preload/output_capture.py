"""Hides what modules print at their import from the user, and reports whether they did.

Law: a module that prints is left out of preloading, so each Worker prints it as a cold start does.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import IO

from devserver.worker.birth.session import open_terminal

_MARK = b"\x01\x02"
"""Written to the terminal after the output: once it arrives, all output has arrived."""


class OutputCapture:
    """Puts other descriptors in the place of stdio until it is closed.

    They are of the kind that Workers have, for modules ask whether it is a terminal; `terminal`: theirs are.
    """

    def __init__(self, terminal: bool) -> None:
        self._pty = self._pty_in = -1
        self._file = _unnamed_file()
        _flush()
        terminals = [fd for fd in (0, 1, 2) if terminal or (fd and os.isatty(fd))]
        if terminals:
            self._pty, self._pty_in = open_terminal()
            os.set_blocking(self._pty_in, False)  # it is not read meanwhile: printing too much fails
        self._saved = {fd: os.dup(fd) for fd in {1, 2, *terminals}}
        for fd in self._saved:
            os.dup2(self._pty_in if fd in terminals else self._file.fileno(), fd)

    def has_written(self) -> bool:
        """Return whether anything was printed since the start."""
        _flush()
        return os.fstat(self._file.fileno()).st_size > 0 or (self._pty >= 0 and self._is_written_to())

    def _is_written_to(self) -> bool:
        try:
            os.write(self._pty_in, _MARK)
        except OSError:  # full
            return True
        came = b""
        while not came.endswith(_MARK):
            came += os.read(self._pty, 4096)
        return came != _MARK

    def close(self) -> None:
        """Restore stdio."""
        while not _flush():  # else the user would see what the streams still buffer
            os.read(self._pty, 1 << 16)
        for fd, saved in self._saved.items():
            os.dup2(saved, fd)
            os.close(saved)
        self._file.close()
        if self._pty >= 0:
            os.close(self._pty)
            os.close(self._pty_in)


def _unnamed_file() -> IO[bytes]:
    """Return a file without a name. Do not let tempfile cache its folder: the app may set TMPDIR."""
    remembered = tempfile.tempdir
    file = tempfile.TemporaryFile()  # noqa: SIM115
    tempfile.tempdir = remembered
    return file


def _flush() -> bool:
    """Flush the streams; return whether nothing is left in them."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BlockingIOError:
            return False
        except (OSError, ValueError, AttributeError):
            continue
    return True
