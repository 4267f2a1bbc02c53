"""Carries out the fleet's forks: a fork of this process, or a copy of an image.

Law: in the child, nothing that a Worker may use is left of the Manager but what `Boot` names; the caller
closes the rest.
"""

from __future__ import annotations

import signal
import socket
import time

from devserver.ipc.messages import Configure
from devserver.manager import syscalls
from devserver.manager.image_links import CopyForked, ImageLinks
from devserver.manager.processes import Processes
from devserver.manager.protocol import Fact, Fork, Forked, ForkFailed
from devserver.manager.snapshots import Snapshot
from devserver.worker.birth.boot import Boot, Inheritance


class Forker:
    """Adds each Worker's process to `processes`, and the link to its image to `links`."""

    def __init__(self, settings: Configure, links: ImageLinks, processes: Processes) -> None:
        self._settings = settings
        self._links = links
        self._processes = processes
        self._threads = 1
        self._inheritance: Inheritance | None = None

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
            pid = syscalls.fork(self._threads)
        except OSError as error:
            fds.close()
            if image is not None:
                image.close()
                self._links.kill(order.worker)
            return ForkFailed(order.worker, str(error))
        if pid == 0:
            return self._become_worker(order, sources, fds, image)
        if image is not None:
            image.close()
        self._processes.add(order.worker, pid, syscalls.open_pidfd(pid), fds)
        return Forked(order.worker, pid, (time.monotonic() - begun) * 1000)

    def _become_worker(
        self, order: Fork, sources: Snapshot, fds: syscalls.WorkerFds, image: socket.socket | None
    ) -> Boot:
        """In the child: reset everything that belongs to the Manager."""
        signal.set_wakeup_fd(-1)
        fds.close_masters()
        syscalls.become_worker(fds.terminal, fds.dump)
        for reseed in self._inheritance.reseed if self._inheritance else ():
            reseed()
        return Boot(
            worker=order.worker,
            slot=order.slot,
            generation=order.generation,
            settings=self._settings.worker,
            link=fds.link,
            sources=sources,
            inherited=self._inheritance,
            image=image,
            records=order.records,
            dump=fds.dump,
        )

    def copy(self, order: Fork) -> ForkFailed | None:
        """Order an image to fork a Worker; `copied` follows."""
        try:
            fds = syscalls.open_worker_fds(self._settings.terminal, self._settings.margin)
        except OSError as error:
            return ForkFailed(order.worker, str(error))
        self._links.ask(order, fds)
        return None

    def copied(self, copied: CopyForked) -> list[Fact]:
        """Take over a copy that an image has forked; it may have exited already."""
        forked = copied.forked
        self._processes.add(forked.worker, forked.pid, copied.pidfd, copied.fds)
        return [forked, *self._processes.exited_before(forked.worker, forked.pid)]
