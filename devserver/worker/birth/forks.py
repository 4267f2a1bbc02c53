"""Forks that work or wait for their parent: each has a socket to it, and ends with it at the latest."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
from collections.abc import Callable

from devserver.common.errors import ConnectionGone
from devserver.worker.birth import fork_hooks

_PR_SET_PDEATHSIG = 1


def fork(how: Callable[[], int] = fork_hooks.fork) -> tuple[int, socket.socket]:
    """Fork as os.fork does; return also this process's end of a socket to the other. Raises OSError."""
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    try:
        pid = how()
    except OSError:
        ours.close()
        theirs.close()
        raise
    if pid:
        theirs.close()
        return pid, ours
    try:
        ours.close()
        _die_with_parent(signal.SIGKILL)
    except BaseException:  # the parent's code is not for this process
        os._exit(1)
    if os.getppid() != parent:
        os._exit(0)
    return 0, theirs


def outlive() -> None:
    """In a fork: go on when the parent ends."""
    _die_with_parent(0)


def wait(fork: int, manager: int) -> None:
    """Return when this descriptor of a fork's is readable.

    Raises ConnectionGone if the Manager, at this other descriptor, is gone before.
    """
    poll = select.poll()
    poll.register(fork, select.POLLIN)
    poll.register(manager, 0)
    if any(fd == manager for fd, _event in poll.poll()):
        raise ConnectionGone("the Manager")


def _die_with_parent(signum: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signum)
