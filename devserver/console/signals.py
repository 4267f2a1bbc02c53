"""The console's signals: they wake its loop, end it, or stop its process as Ctrl-Z does."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress


class Ended(Exception):
    """SIGTERM or SIGHUP has arrived: raised from the handler, so that it also ends a write that blocks."""


class Signals:
    """The loop watches `fileno()`, and calls `drain` when that is readable.

    The Master handles Ctrl-C. A job in the background may write, and read without being stopped.
    """

    def __init__(self) -> None:
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self.suspending = False
        """SIGTSTP has arrived: the caller restores the terminal, then calls `stop_process`."""

    def listen(self) -> None:
        """Install the handlers. From now on, Ended may be raised anywhere."""
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTTOU, signal.SIGTTIN):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._end)
        signal.signal(signal.SIGTSTP, self._suspend)
        for number in (signal.SIGWINCH, signal.SIGCONT):
            signal.signal(number, self._notice)

    def fileno(self) -> int:
        """Return the descriptor that is readable after a signal."""
        return self._wake.fileno()

    def drain(self) -> None:
        """Read what signals have written."""
        with suppress(BlockingIOError):
            self._wake.recv(4096)

    def stop_process(self) -> None:
        """Stop this process as SIGTSTP does by default; return on SIGCONT."""
        # Block SIGTSTP here: the one from the shell and the one from the Master merge, and one SIGCONT
        # continues.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
        signal.signal(signal.SIGTSTP, handler)
        self.suspending = False  # only now: a second SIGTSTP may have come while the dashboard was removed

    def close(self) -> None:
        """Wake no loop any more."""
        signal.set_wakeup_fd(-1)
        self._wake.close()
        self._woken.close()

    @staticmethod
    def _end(number: int, _frame: object) -> None:
        raise Ended(number)

    def _suspend(self, _number: int, _frame: object) -> None:
        self.suspending = True

    @staticmethod
    def _notice(_number: int, _frame: object) -> None:
        """Do nothing: the wakeup descriptor has woken the loop."""
