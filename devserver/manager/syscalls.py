"""The Manager's system calls: processes, signals, terminals, stack dumps. This module decides nothing."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import tempfile
from contextlib import suppress

from msgspec import Struct

from devserver.worker.birth.session import DUMP_SIGNAL, open_terminal, own_session
from devserver.worker.image.process_state import count_threads

__all__ = ["DUMP_SIGNAL", "count_threads"]
_PR_SET_CHILD_SUBREAPER = 36


def fork(most_threads: int = 1) -> int:
    """Fork as os.fork does, after flushing output and freezing all objects for the garbage collector.

    Without the freeze, a collection in the child would write to every page that it shares with its parent.
    Raises OSError, also if more than `most_threads` threads run: a fork copies one thread, and the locks of
    all. Further threads are allowed if they are a native pool that recreates itself in the child.
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


def reap() -> list[tuple[int, int]]:
    """Return pid and wait status of each child that has exited, adopted ones too."""
    ended = []
    with suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append(child)
    return ended


def send_signal(pid: int, signum: int, *, group: bool) -> bool:
    """Send a signal to a process or to the group that it leads; return whether a process was there."""
    with suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(pid, signum)
        else:
            os.kill(pid, signum)
        return True
    return False


class WorkerFds(Struct, frozen=True):
    """The descriptors of a Worker to be: the Worker's end and the Master's of each, -1 for no terminal.

    `dump` is the file for its stacks; Worker and Manager share it.
    """

    link: socket.socket
    master_link: socket.socket
    terminal: int
    master_terminal: int
    dump: int

    def close_own(self) -> None:
        """Close what is the Worker's alone."""
        self.link.close()
        _close(self.terminal)

    def close_masters(self) -> None:
        """Close what is the Master's alone."""
        self.master_link.close()
        _close(self.master_terminal)

    def close(self) -> None:
        """Close everything."""
        self.close_own()
        self.close_masters()
        _close(self.dump)


def open_worker_fds(terminal: bool, margin: int = 0) -> WorkerFds:
    """Open the descriptors of a Worker. If it raises OSError, nothing is left open."""
    links: tuple[socket.socket, ...] = ()
    master = slave = -1
    try:
        links = socket.socketpair()
        if terminal:
            master, slave = open_terminal(margin)
        return WorkerFds(links[0], links[1], slave, master, _open_dump())
    except OSError:
        for link in links:
            link.close()
        _close(master)
        _close(slave)
        raise


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
    """Return what was written since `offset`, without moving the position that the writer shares."""
    return os.pread(fd, 1 << 20, offset)


def become_worker(terminal: int, dump: int) -> None:
    """In the child: own session, own signals, own stdio (`terminal`, -1: none).

    SIGTERM was never touched; the collector was never off, and what is frozen stays so.
    """
    for signum in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    own_session(terminal, dump)


def become_subreaper() -> bool:
    """Let descendants whose parents end become children of this process; return whether they do (Linux)."""
    if not sys.platform.startswith("linux"):
        return False
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    return False
