"""The image's process: waits on its socket, forks copies and reaps them; never runs the app's code.

Laws: `run` returns in copies only. The image exits when the Manager closes its socket. It reports each copy
that it refuses, so the Manager forks that Worker itself.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from setproctitle import setproctitle

from devserver.common.errors import ConnectionGone
from devserver.ipc.channel import Channel
from devserver.ipc.image_messages import (
    Copied,
    Copy,
    CopyExited,
    CopyRefused,
    FromImage,
    ImageForked,
    ImageReady,
    Known,
    NoImage,
    Prepare,
    ToImage,
)
from devserver.ipc.messages import Source
from devserver.worker.birth.session import DUMP_SIGNAL, silence
from devserver.worker.image.traces import set_aside
from devserver.worker.warm.swap import Swap


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders of a copy: the Worker it becomes, and its descriptors; -1 for no terminal."""

    copy: Copy
    link: socket.socket
    dump: int
    terminal: int
    swap: Swap | None
    known: tuple[Source, ...]
    at: float
    """When it was forked, in monotonic seconds."""


@dataclass(frozen=True, slots=True)
class Judge:
    """The decisions of an image, as functions without side effects."""

    objection: Callable[[], str]
    """Return why there can be no image; called in the image."""
    outdated: Callable[[], str]
    decide: Callable[[Sequence[Source]], Swap | str]
    """Return how to swap a copy to these sources, or why that is impossible."""
    prepare: Callable[[], None]
    holds: Callable[[], dict[str, bytes]]


class ImageProcess:
    """Owns the socket to the Manager; `mask` is the signal mask of copies."""

    def __init__(self, sock: socket.socket, judge: Judge, mask: set[int]) -> None:
        self._channel: Channel[ToImage, FromImage] = Channel(sock, ToImage, carries_fds=True)
        self._judge = judge
        self._mask = mask
        self._poll = select.poll()
        self._poll.register(self._channel, select.POLLIN)
        self._copies: dict[int, tuple[int, int]] = {}
        """pidfd → Worker and process."""
        self._known: list[Source] = []
        self._unprepared = False
        """It is ready, and has yet to prepare for orders."""

    def run(self) -> Orders:
        """Return in a copy only."""
        try:
            return self._run()
        except ConnectionGone:
            os._exit(0)
        except BaseException as error:
            self._last_word(error)
            os._exit(1)

    def _run(self) -> Orders:
        self._send(ImageForked(os.getpid()))
        setproctitle("devserver: image")
        while True:
            ready = self._poll.poll(0 if self._unprepared else None)
            if not ready:
                self._judge.prepare()
                self._unprepared = False
            for fd, _event in ready:
                if fd in self._copies:
                    self._reap(fd)
                elif (orders := self._receive()) is not None:
                    return orders

    def _receive(self) -> Orders | None:
        for message, fds in self._channel.receive():
            match message:
                case Known(source):
                    self._known.append(source)
                case Prepare():
                    self._get_ready()
                case Copy():
                    if (orders := self._copy(message, fds)) is not None:
                        return orders
        return None

    def _get_ready(self) -> None:
        if reason := self._judge.objection():
            self._send(NoImage(reason))
            os._exit(0)
        self._send(ImageReady(self._judge.holds()))
        self._unprepared = True

    def _copy(self, order: Copy, fds: list[int]) -> Orders | None:
        """Fork; return None, and the orders in the copy."""
        swap: Swap | None = None
        reason = self._judge.outdated()
        if not reason and order.changes:
            answer = self._judge.decide(order.changes)
            swap, reason = (None, answer) if isinstance(answer, str) else (answer, "")
        if reason:
            self._refuse(order, fds, reason)
            return None
        set_aside()
        at = time.monotonic()
        try:
            pid = os.fork()
        except OSError as error:
            self._refuse(order, fds, str(error))
            return None
        if pid == 0:
            return self._become(order, fds, swap, at)
        for fd in fds:
            os.close(fd)
        pidfd = os.pidfd_open(pid)
        self._copies[pidfd] = order.worker, pid
        self._poll.register(pidfd, select.POLLIN)
        self._send(Copied(order.worker, pid, at, *(swap.counts if swap else (0, 0))), (pidfd,))
        return None

    def _become(self, order: Copy, fds: list[int], swap: Swap | None, at: float) -> Orders:
        """In the copy: close the image's descriptors, and restore the signal mask."""
        for pidfd in self._copies:
            os.close(pidfd)
        self._channel.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        link, dump, *terminal = fds
        return Orders(
            order,
            socket.socket(fileno=link),
            dump,
            terminal[0] if terminal else -1,
            swap,
            tuple(self._known),
            at,
        )

    def _refuse(self, order: Copy, fds: list[int], reason: str) -> None:
        for fd in fds:
            os.close(fd)
        self._send(CopyRefused(order.worker, reason))

    def _reap(self, pidfd: int) -> None:
        """Report a copy's exit before reaping it: if this process dies in between, the Manager reaps it."""
        worker, pid = self._copies.pop(pidfd)
        self._poll.unregister(pidfd)
        ended: Any = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        status = ended.si_status << 8 if ended.si_code == os.CLD_EXITED else ended.si_status
        if ended.si_code == os.CLD_DUMPED:
            status |= 0x80
        self._send(CopyExited(worker, status))
        os.waitpid(pid, 0)
        os.close(pidfd)

    def _send(self, message: FromImage, fds: Sequence[int] = ()) -> None:
        self._channel.queue(message, fds)
        while not self._channel.flush():
            poll = select.poll()
            poll.register(self._channel, select.POLLOUT)
            poll.poll()

    def _last_word(self, error: BaseException) -> None:
        """Report a bug of devserver's: the Manager goes on without this image."""
        try:
            self._send(NoImage(f"devserver's image has failed: {type(error).__name__}: {error}"))
        except BaseException:
            return


def begin(dump: int) -> set[int]:
    """In a new image: leave the parent's session, terminal and file for stacks; return the signal mask.

    Block all signals, because the app may have handlers: only SIGKILL and the socket's end end an image.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.setsid()
    silence()
    faulthandler.unregister(DUMP_SIGNAL)
    os.close(dump)
    return {int(number) for number in mask}
