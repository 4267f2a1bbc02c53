"""What is asked of the kernel: processes, signals, terminals, stack dumps. Thin; it decides nothing."""

from __future__ import annotations

import faulthandler
import fcntl
import gc
import os
import signal
import socket
import sys
import tempfile
import termios
from contextlib import suppress
from dataclasses import dataclass

DUMP_SIGNAL: int = signal.SIGRTMIN + 5 if hasattr(signal, "SIGRTMIN") else signal.SIGUSR2
"""Makes a Worker write down its threads' stacks. A real-time signal, for those have no other use."""

_TASKS = "/proc/self/task"
_FORKABLE = ("jemalloc_bg_thd",)
"""Threads by their names that lose nothing in a fork: jemalloc has handlers for it, and does without them."""


def count_threads() -> int:
    """Return how many threads a fork would lose, C's too, and this one; 1 where that cannot be known."""
    try:
        tasks = os.listdir(_TASKS)
    except FileNotFoundError:
        return 1
    return len(tasks) if len(tasks) == 1 else sum(_name_of(task) not in _FORKABLE for task in tasks)


def _name_of(task: str) -> str:
    try:
        with open(f"{_TASKS}/{task}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def fork(most_threads: int = 1) -> int:
    """Fork as os.fork does, with empty output buffers and all that lives now out of the collector's way.

    A collection in the child would otherwise write to every page that it shares with its parent. Raises
    OSError, also if there are more threads than `most_threads`: a fork copies one only, and the locks of all.
    More than one are allowed where the others are a native pool that makes itself anew in the child.
    """
    if (threads := count_threads()) > most_threads:
        raise OSError(f"{threads} threads run in the Manager")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    gc.freeze()
    return os.fork()


def open_pidfd(pid: int) -> int | None:
    """Return a descriptor of the process, None where there are none (macOS)."""
    return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None


def reap(pid: int) -> int | None:
    """Return the wait status of a child that has ended, None if it has not."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return status if ended else None


def send_signal(pid: int, signum: int, *, group: bool) -> bool:
    """Send a signal to a process or to the group that it leads; return whether anybody was there."""
    with suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(pid, signum)
        else:
            os.kill(pid, signum)
        return True
    return False


@dataclass(frozen=True, slots=True)
class Kit:
    """The descriptors of a Worker to be: the Worker's end and the Master's of each, -1 for no terminal.

    `dump` is the file for its stacks; Worker and Manager share it.
    """

    lane: socket.socket
    master_lane: socket.socket
    terminal: int
    master_terminal: int
    dump: int

    def close_own(self) -> None:
        """Close what is the Worker's alone."""
        self.lane.close()
        _close(self.terminal)

    def close_masters(self) -> None:
        """Close what is the Master's alone."""
        self.master_lane.close()
        _close(self.master_terminal)

    def close(self) -> None:
        """Close everything."""
        self.close_own()
        self.close_masters()
        _close(self.dump)


def open_kit(terminal: bool) -> Kit:
    """Open what a Worker needs. Raises OSError, and leaves nothing open then."""
    lanes: tuple[socket.socket, ...] = ()
    master = slave = -1
    try:
        lanes = socket.socketpair()
        if terminal:
            master, slave = open_terminal()
        return Kit(lanes[0], lanes[1], slave, master, _open_dump())
    except OSError:
        for lane in lanes:
            lane.close()
        _close(master)
        _close(slave)
        raise


def open_terminal() -> tuple[int, int]:
    """Return master and slave of a new terminal, as wide as ours if we have one."""
    master, slave = os.openpty()
    for fd in (2, 1, 0):
        with suppress(termios.error, OSError):
            termios.tcsetwinsize(slave, termios.tcgetwinsize(fd))
            break
    return master, slave


def _open_dump() -> int:
    """Return a file that has no name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("devserver-stack")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


def read_dump(fd: int, offset: int) -> bytes:
    """Return what was written since `offset`. The position, which is the writer's too, stays."""
    return os.pread(fd, 1 << 20, offset)


def become_worker(terminal: int, dump: int) -> None:
    """In the child: own session, own signals, own stdio (`terminal`, -1: none).

    SIGTERM was never touched; the collector was never off, and what is frozen stays so.
    """
    os.setsid()
    for signum in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _own_stdio(terminal)
    # What faulthandler puts back when the interpreter ends: a dump that comes so late must not be a death.
    signal.signal(DUMP_SIGNAL, signal.SIG_IGN)
    faulthandler.register(DUMP_SIGNAL, file=dump, all_threads=True)


def _own_stdio(terminal: int) -> None:
    if terminal >= 0:
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(terminal, fd)
        os.close(terminal)
    else:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
