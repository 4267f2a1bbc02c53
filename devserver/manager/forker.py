"""Carries out the fleet's forks: a fork of this process, or a copy of an image.

Law: in the child, nothing that a Worker may use is left of the Manager but what `Boot` names; the caller
closes the rest.
"""

from __future__ import annotations

import signal
import socket
import time

from setproctitle import setproctitle

from devserver.ipc.messages import Configure
from devserver.manager import syscalls
from devserver.manager.image_links import CopyForked, ImageLinks
from devserver.manager.next_worker import BecomeWorker, NextWorker, await_orders
from devserver.manager.processes import Processes
from devserver.manager.protocol import Fact, Fork, Forked, ForkFailed
from devserver.manager.snapshots import Snapshot
from devserver.worker.birth import forks, pages
from devserver.worker.birth.boot import Boot, Inheritance


class Forker:
    """Adds each Worker's process to `processes`, and the link to its image to `links`."""

    def __init__(self, settings: Configure, links: ImageLinks, processes: Processes) -> None:
        self._settings = settings
        self._links = links
        self._processes = processes
        self._threads = 1
        self._inheritance: Inheritance | None = None
        self._next: NextWorker | None = None
        self._last = 0
        """The last Worker's process."""

    def inherit(self, inheritance: Inheritance | None, threads: int) -> None:
        """Let Workers inherit preloaded modules. `threads` may run at a fork: native pools survive one."""
        self._inheritance, self._threads = inheritance, threads

    def fork(self, order: Fork, sources: Snapshot) -> Forked | ForkFailed | Boot:
        """Fork a Worker that runs `sources`. Return what happened; in the Worker, its Boot."""
        begun = time.monotonic()
        try:
            fds = syscalls.open_worker_fds(self._settings.terminal, self._settings.margin)
        except OSError as error:
            return ForkFailed(order.worker, str(error))
        image: socket.socket | None = None
        try:
            image = self._links.open(order.worker) if self._settings.worker.warm else None
            pid = self._take_next(order, sources, fds, image) or syscalls.fork(self._threads)
        except OSError as error:
            fds.close()
            if image is not None:
                image.close()
                self._links.kill(order.worker)
            return ForkFailed(order.worker, str(error))
        if pid == 0:
            fds.close_masters()
            return self._become_worker(order, sources, fds.link, fds.dump, fds.terminal, image)
        if image is not None:
            image.close()
        self._last = pid
        self._processes.add(order.worker, pid, syscalls.open_pidfd(pid), fds)
        return Forked(order.worker, pid, (time.monotonic() - begun) * 1000)

    def fork_ahead(self, sources: Snapshot) -> socket.socket | None:
        """Fork the process of the next Worker; in it return its link, for `become`."""
        if self._next is not None:
            return None
        try:
            pid, link = forks.fork(lambda: syscalls.fork(self._threads))
        except OSError:  # the next Worker will report it
            return None
        if pid == 0:
            return link
        self._next = NextWorker(pid, link, sources)
        self._processes.add_helper(pid)
        return None

    def _take_next(
        self, order: Fork, sources: Snapshot, fds: syscalls.WorkerFds, image: socket.socket | None
    ) -> int:
        """Let the process that was forked ahead become this Worker; return its pid, 0 if there is none."""
        following, self._next = self._next, None
        if following is None:
            return 0
        changed, removed = following.differences(sources)
        become = BecomeWorker(
            order.worker,
            order.slot,
            order.generation,
            changed,
            removed,
            order.records,
            has_terminal=fds.terminal >= 0,
            has_image=image is not None,
        )
        optional = [fds.terminal] if fds.terminal >= 0 else []
        optional += [image.fileno()] if image is not None else []
        if following.order(become, (fds.link.fileno(), fds.dump, *optional)):
            return following.pid
        self._processes.end_helper(following.pid)
        return 0

    def become(self, link: socket.socket, sources: Snapshot) -> Boot:
        """In a process that was forked ahead: wait until it is to become a Worker, and return its Boot."""
        setproctitle("devserver: next worker")
        pages.copy_ahead(self._last)
        order, (to_master, dump, *optional), snapshot = await_orders(link, sources)
        terminal = optional.pop(0) if order.has_terminal else -1
        image = socket.socket(fileno=optional.pop(0)) if order.has_image else None
        fork = Fork(order.worker, order.slot, order.generation, records=order.records)
        return self._become_worker(fork, snapshot, socket.socket(fileno=to_master), dump, terminal, image)

    def _become_worker(
        self,
        order: Fork,
        sources: Snapshot,
        link: socket.socket,
        dump: int,
        terminal: int,
        image: socket.socket | None,
    ) -> Boot:
        """In the child: reset everything that belongs to the Manager."""
        signal.set_wakeup_fd(-1)
        syscalls.become_worker(terminal, dump)
        for reseed in self._inheritance.reseed if self._inheritance else ():
            reseed()
        return Boot(
            worker=order.worker,
            slot=order.slot,
            generation=order.generation,
            settings=self._settings.worker,
            link=link,
            sources=sources,
            inherited=self._inheritance,
            image=image,
            records=order.records,
            dump=dump,
        )

    def copy(self, order: Fork) -> ForkFailed | None:
        """Order an image to fork a Worker; `copied` follows."""
        self.end()  # images fork what comes next
        try:
            fds = syscalls.open_worker_fds(self._settings.terminal, self._settings.margin)
        except OSError as error:
            return ForkFailed(order.worker, str(error))
        self._links.ask(order, fds)
        return None

    def end(self) -> None:
        """End the process that was forked ahead, if there is one."""
        if self._next is not None:
            self._processes.end_helper(self._next.pid)
            self.close()

    def close(self) -> None:
        """In a fork of this process: close the link to that process."""
        if self._next is not None:
            self._next.close()
            self._next = None

    def copied(self, copied: CopyForked) -> list[Fact]:
        """Take over a copy that an image has forked; it may have exited already."""
        forked = copied.forked
        self._processes.add(forked.worker, forked.pid, copied.pidfd, copied.fds)
        return [forked, *self._processes.exited_before(forked.worker, forked.pid)]
