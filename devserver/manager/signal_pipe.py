"""The signals that the Manager takes, as bytes that its selector reports."""

from __future__ import annotations

import os
import selectors
import signal

from devserver.manager.syscalls import DUMP_SIGNAL


class SignalPipe:
    """A pipe into which the interpreter writes the number of each signal that arrives."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        selector.register(self._read, selectors.EVENT_READ)

    def fileno(self) -> int:
        return self._read

    def take_signals(self) -> None:
        """Let signals arrive here from now on."""
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for wanted in (signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(wanted, lambda *_: None)  # else the pipe would not get it
        # A Worker that was just forked cannot dump its stacks yet: it ignores the order as this process does.
        for unwanted in (signal.SIGINT, signal.SIGHUP, DUMP_SIGNAL):
            signal.signal(unwanted, signal.SIG_IGN)

    def read(self) -> bytes:
        """Return the numbers of the signals that have arrived."""
        return os.read(self._read, 4096)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)
