"""Keeps the loop's signal handling out of child processes that the app forks."""

from __future__ import annotations

import os
import signal
import threading


def undo_in_children() -> None:
    """Reset the signal handling in forked children; else the Worker would act on a SIGTERM to a child.

    SIGTERM is blocked during the fork, so that an early one finds the child reset.
    """
    loops = signal.getsignal(signal.SIGTERM)
    masks = threading.local()

    def block() -> None:
        masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    def reset() -> None:
        signal.set_wakeup_fd(-1)
        if signal.getsignal(signal.SIGTERM) == loops:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        unblock()

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=reset)
