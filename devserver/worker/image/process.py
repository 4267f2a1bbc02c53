"""The image's process: waits on its socket, forks copies and reaps them; never runs the app's code.

Laws: `run` returns in copies only. The image writes to few of its pages, which it shares with its Worker. It
exits when the Manager closes its socket. It reports each copy that is refused, so the Manager forks that
Worker itself.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from setproctitle import setproctitle

from devserver.common.errors import ConnectionGone
from devserver.ipc.channel import Channel, decoder_of
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
from devserver.worker.birth import forks, pages
from devserver.worker.image.inventory import (
    Finding,
    Indexed,
    Inventory,
    NoCopies,
    NoObjection,
    Objection,
)
from devserver.worker.image.next_copy import BecomeCopy, Judge, NextCopy, Orders, Refusal, await_orders
from devserver.worker.image.traces import set_aside
from devserver.worker.warm.holders import Index

QUIET = 0.25
"""Seconds after a copy for a save until the next one's process is forked: first requests come first."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is in an image, as functions."""

    inventory: Callable[[], Iterator[Finding]]
    """Look at all objects; called in a fork of the image."""
    reseed: Callable[[list[int]], None]
    """Have each copy seed the sources of random numbers at these addresses again."""
    take: Callable[[Index, bytes], None]
    """Take over what the fork has found."""
    holds: Callable[[], dict[str, bytes]]
    """Return path → digest of each own file that it knows."""


class ImageProcess:
    """Owns the socket to the Manager; `mask` is the signal mask of copies."""

    def __init__(self, sock: socket.socket, content: Content, judge: Judge, mask: set[int]) -> None:
        self._channel: Channel[ToImage, FromImage] = Channel(sock, ToImage, carries_fds=True)
        self._content = content
        self._judge = judge
        self._mask = mask
        self._poll = select.poll()
        self._poll.register(self._channel, select.POLLIN)
        self._copies: dict[int, tuple[int, int]] = {}
        """pidfd → Worker and process."""
        self._known: list[Source] = []
        self._inventory: Inventory | None = None
        self._has_index = False
        self._next: NextCopy | None = None
        self._last_save: tuple[Copy, int] | None = None
        """The last copy for a save, and its process."""
        self._next_due: float | None = None
        self._orders: deque[tuple[ToImage, list[int]]] = deque()
        """What has arrived, and is not carried out yet."""

    def run(self) -> Orders:
        """Return in a copy only."""
        try:
            return self._run()
        except ConnectionGone:
            self._end_forks()
            os._exit(0)
        except NoCopies as error:
            self._report_end(str(error))
        except BaseException as error:
            self._report_end(f"devserver's image has failed: {type(error).__name__}: {error}")
        self._end_forks()
        os._exit(1)

    def _end_forks(self) -> None:
        """Kill and reap the forks that help it; copies go on."""
        for fork in (self._next, self._inventory):
            if fork is not None and fork.pid:
                os.kill(fork.pid, signal.SIGKILL)
                os.waitpid(fork.pid, 0)

    def _run(self) -> Orders:
        self._channel.send(ImageForked(os.getpid()))
        setproctitle("devserver: image")
        while True:
            events = self._poll.poll(self._timeout)
            if not events and (orders := self._prepare_next()) is not None:
                return orders
            for fd, _event in reversed(events):  # the Manager's orders last: they may open the same numbers
                if fd in self._copies:
                    self._reap(fd)
                elif self._next is not None and fd == self._next.fileno():
                    self._lose_next(self._next)
                elif self._inventory is not None and fd == self._inventory.fileno():
                    self._take_findings(self._inventory)
                elif (orders := self._receive()) is not None:
                    return orders

    def _receive(self) -> Orders | None:
        self._orders += self._channel.receive()
        while self._orders:
            message, fds = self._orders[0]
            match message:
                case Known(source):
                    self._known.append(source)
                case Prepare():
                    self._look()
                case Copy():
                    if (orders := self._copy(message, fds)) is not None:
                        return orders
            for fd in fds:
                os.close(fd)
            self._orders.popleft()
        return None

    def _look(self) -> None:
        """Have a fork look at all objects."""
        decoder_of(BecomeCopy)  # forks inherit it
        try:
            self._inventory = Inventory(self._findings())
        except OSError as error:
            raise NoCopies(f"no process can be forked ({error.strerror})") from error
        self._poll.register(self._inventory, select.POLLIN)

    def _findings(self) -> Iterator[Finding]:
        self._close()  # runs in the fork only
        setproctitle("devserver: inventory")
        yield from self._content.inventory()

    def _take_findings(self, inventory: Inventory) -> None:
        fd = inventory.fileno()
        findings = inventory.receive()
        if findings is None:
            self._poll.unregister(fd)
            self._inventory = None
        for finding in findings or ():
            match finding:
                case Objection(reason):
                    raise NoCopies(reason)
                case NoObjection(unseeded):
                    self._content.reseed(unseeded)
                    self._channel.send(ImageReady(self._content.holds()))
                case Indexed(index, names):
                    self._content.take(index, names)
                    self._has_index = True

    def _await_index(self) -> None:
        while not self._has_index and self._inventory is not None:
            forks.wait(self._inventory.fileno(), self._channel.fileno())
            self._take_findings(self._inventory)

    def _copy(self, order: Copy, fds: list[int]) -> Orders | None:
        """Have a fork become the copy; return None, and the orders in the copy."""
        if order.changes:
            self._await_index()
        if self._next is None:
            try:
                if (orders := self._fork_next()) is not None:
                    return orders
            except OSError as error:
                self._channel.send(CopyRefused(order.worker, str(error)))
                return None
        assert self._next is not None
        fork, self._next = self._next, None
        self._poll.unregister(fork)
        at = time.monotonic()
        known = tuple(self._known[fork.known :])
        answer = fork.order(BecomeCopy(order, known, at), fds, self._channel.fileno())
        if isinstance(answer, Refusal):
            self._channel.send(CopyRefused(order.worker, answer.reason))
            return None
        pidfd = os.pidfd_open(fork.pid)
        self._copies[pidfd] = order.worker, fork.pid
        self._poll.register(pidfd, select.POLLIN)
        self._channel.send(Copied(order.worker, fork.pid, at, answer.functions, answer.constants), (pidfd,))
        if order.changes:
            self._last_save = order, fork.pid
        if self._last_save is not None:
            self._next_due = time.monotonic() + QUIET
        return None

    @property
    def _timeout(self) -> float | None:
        """Return the milliseconds until a process for the next copy is due, None if none is."""
        return None if self._next_due is None else max(0.0, self._next_due - time.monotonic()) * 1000

    def _prepare_next(self) -> Orders | None:
        """Fork a process for the next copy; return its orders, in that copy."""
        assert self._last_save is not None
        assert self._next is None
        order, pid = self._last_save
        self._next_due = None
        self._judge.decide(order.changes)  # remembered: the next decision needs it, too
        try:
            return self._fork_next(like=pid)
        except OSError:  # the next copy will report it
            return None

    def _fork_next(self, like: int | None = None) -> Orders | None:
        """Fork a process for a copy; return its orders, in that copy. Raises OSError.

        `like` is an earlier copy: this one will write the same pages.
        """
        set_aside()
        pid, link = forks.fork()
        if pid == 0:
            return self._become(link, like)
        self._next = NextCopy(pid, link, len(self._known))
        self._poll.register(self._next, select.POLLIN)
        return None

    def _lose_next(self, ended: NextCopy) -> None:
        self._poll.unregister(ended)
        self._next = None
        ended.reap()

    def _become(self, link: socket.socket, like: int | None) -> Orders:
        """In the fork: wait for the orders of a copy."""
        self._close()
        setproctitle("devserver: next copy")
        if like is not None:
            pages.copy_ahead(like)
        orders = await_orders(link, self._judge, self._known)
        while signal.sigtimedwait(signal.valid_signals(), 0):  # none is for the Worker
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        return orders

    def _close(self) -> None:
        """In a fork: close the image's descriptors, those of orders too, and forget its other forks."""
        for _message, fds in self._orders:
            for fd in fds:
                os.close(fd)
        for pidfd in self._copies:
            os.close(pidfd)
        self._channel.close()
        for fork in (self._next, self._inventory):
            if fork is not None:
                fork.close()
        self._next = self._inventory = None

    def _reap(self, pidfd: int) -> None:
        """Report a copy's exit before reaping it: if this process dies in between, the Manager reaps it."""
        worker, pid = self._copies.pop(pidfd)
        self._poll.unregister(pidfd)
        ended: Any = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        status = ended.si_status << 8 if ended.si_code == os.CLD_EXITED else ended.si_status
        if ended.si_code == os.CLD_DUMPED:
            status |= 0x80
        self._channel.send(CopyExited(worker, status))
        os.waitpid(pid, 0)
        os.close(pidfd)

    def _report_end(self, reason: str) -> None:
        """Report why it ends: the Manager goes on without this image."""
        try:
            self._channel.send(NoImage(reason))
        except BaseException:
            return
