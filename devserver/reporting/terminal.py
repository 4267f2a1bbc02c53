"""The user's terminal: saves its settings, changes them for single keys, and restores them.

No call waits for the terminal: one that was stopped with Ctrl-S must not block the process that restores it.
No call touches a terminal that another job has in the foreground.
"""

from __future__ import annotations

import os
import signal
import termios
from contextlib import suppress
from typing import Any

SANE = b"\x1b[0m\x1b[?25h\x1b[?2004l"
"""Resets all that devserver or readline sets on the screen: colours, a hidden cursor, marked pastes."""

_IFLAG, _OFLAG, _LFLAG, _CC = 0, 1, 3, 6


class Terminal:
    """A terminal by one of its descriptors, and its first settings."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._saved: list[Any] | None = None
        with suppress(termios.error):
            self._saved = termios.tcgetattr(fd)

    @property
    def foreground(self) -> bool:
        """Return whether devserver may draw on the terminal and read it: another job may have it now."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:  # not the controlling terminal (ENOTTY): no other job competes for it
            return os.isatty(self._fd)

    def cbreak(self) -> None:
        """Deliver each key at once and unseen; Ctrl-C and Ctrl-Z keep their meaning (ISIG)."""
        if self._saved is not None and self.foreground:
            settings = self._single_keys(self._saved)
            settings[_LFLAG] &= ~(termios.ECHO | termios.ICANON)
            settings[_LFLAG] |= termios.ISIG
            self._set(settings)

    def raw(self) -> None:
        """Pass each byte on unchanged in both directions, as `cfmakeraw` does: no key has a meaning."""
        if self._saved is not None and self.foreground:
            settings = self._single_keys(self._saved)
            settings[_IFLAG] &= ~(
                termios.BRKINT | termios.ISTRIP | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
            )
            settings[_OFLAG] &= ~termios.OPOST
            settings[_LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
            self._set(settings)

    @staticmethod
    def _single_keys(saved: list[Any]) -> list[Any]:
        settings = saved[:]
        settings[_CC] = saved[_CC][:]
        settings[_CC][termios.VMIN] = 1
        settings[_CC][termios.VTIME] = 0
        return settings

    def restore(self, *, after: bytes = b"") -> None:
        """Restore the settings, show the cursor, reset the colours, and write `after`."""
        if self.foreground:
            if self._saved is not None:
                self._set(self._saved)
            self._write(SANE + after)

    def _set(self, settings: list[Any]) -> None:
        # A job that has just lost the foreground would be stopped by SIGTTOU; TCSADRAIN waits for the reader.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            with suppress(termios.error):
                termios.tcsetattr(self._fd, termios.TCSANOW, settings)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _write(self, data: bytes) -> None:
        # Opened again: O_NONBLOCK on the shared description would reach the user's shell, too.
        try:
            fd = os.open(os.ttyname(self._fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return
        try:
            with suppress(OSError):
                os.write(fd, data)
        finally:
            os.close(fd)


def of_process() -> Terminal | None:
    """Return the terminal of this process's standard streams, the input's first; None if there is none."""
    return next((Terminal(fd) for fd in (0, 1, 2) if os.isatty(fd)), None)
