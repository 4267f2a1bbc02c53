"""The first steps of a new Worker, forked by a Manager or an image: session, stdio, file for stacks."""

from __future__ import annotations

import faulthandler
import fcntl
import os
import signal
import termios
from contextlib import suppress

DUMP_SIGNAL: int = signal.SIGRTMIN + 5 if hasattr(signal, "SIGRTMIN") else signal.SIGUSR2
"""Makes a Worker dump its threads' stacks: a real-time signal, because apps use the others."""


def open_terminal(margin: int = 0) -> tuple[int, int]:
    """Return master and slave of a new terminal, by `margin` columns narrower than this process's, if any."""
    master, slave = os.openpty()
    for fd in (2, 1, 0):
        with suppress(termios.error, OSError):
            rows, columns = termios.tcgetwinsize(fd)
            termios.tcsetwinsize(slave, (rows, max(1, columns - margin) if columns else 0))
            break
    return master, slave


def own_session(terminal: int, dump: int) -> None:
    """Begin a session, with `terminal` (-1: none) as its terminal and stdio, and `dump` for stacks."""
    os.setsid()
    own_stdio(terminal)
    # faulthandler restores this when the interpreter ends: a dump signal that comes so late must not kill.
    signal.signal(DUMP_SIGNAL, signal.SIG_IGN)
    faulthandler.register(DUMP_SIGNAL, file=dump, all_threads=True)


def own_stdio(terminal: int) -> None:
    """Make `terminal` this session's terminal and stdio; without one, standard input is /dev/null."""
    if terminal >= 0:
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(terminal, fd)
        os.close(terminal)
    else:
        _put_nothing(0)


def leave(dump: int) -> set[int]:
    """In a fork that is no Worker: leave session, terminal and file for stacks; return the signal mask.

    Block all signals, because the app may have handlers: only SIGKILL ends such a process from outside.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.setsid()
    if os.isatty(0):
        for fd in (0, 1, 2):
            _put_nothing(fd)
    faulthandler.unregister(DUMP_SIGNAL)
    os.close(dump)
    return {int(number) for number in mask}


def _put_nothing(fd: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR if fd else os.O_RDONLY)
    os.dup2(nothing, fd)
    os.close(nothing)
