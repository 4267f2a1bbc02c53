"""The processes of Workers: their ends, signals to them, their stacks. What happens is returned as facts.

Laws: the exit of each Worker is reported once. The process group of a Worker that was reaped is known until
it is empty or was killed.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from devserver.manager import syscalls
from devserver.manager.protocol import Exited, GroupGone, StackRead

_MOST_REAPED = 1000


@dataclass(slots=True)
class _Process:
    """A Worker's process, or its process group once it was reaped. `dump` is the file for its stacks."""

    pid: int
    dump: int
    for_master: tuple[int, ...]
    """Descriptors for the Master, until they are taken."""
    dump_read: int = 0
    reaped: bool = False


class Processes:
    """Every Worker that was forked, by number, until nothing of it is left."""

    def __init__(self) -> None:
        self._by_worker: dict[int, _Process] = {}
        self._unknown: dict[int, int] = {}
        """Status of reaped children that are not known yet, such as a copy whose image has died."""
        self._helpers: set[int] = set()
        """Children that are no Workers, or not yet."""

    def __len__(self) -> int:
        return len(self._by_worker)

    def add(self, worker: int, pid: int, pidfd: int | None, fds: syscalls.WorkerFds) -> None:
        """Add a Worker that was forked. Of its descriptors, its own are closed and the others kept."""
        fds.close_own()
        masters = (fds.master_link.detach(), pidfd, fds.master_terminal)
        for_master = tuple(fd for fd in masters if fd is not None and fd >= 0)
        self._by_worker[worker] = _Process(pid, fds.dump, for_master)
        self._helpers.discard(pid)

    def add_helper(self, pid: int) -> None:
        """Add a child that is no Worker, or not yet: its exit is not reported."""
        self._helpers.add(pid)

    def end_helper(self, pid: int) -> None:
        """Kill and reap such a child, unless it was reaped already."""
        if pid in self._helpers:
            self._helpers.discard(pid)
            syscalls.send_signal(pid, signal.SIGKILL, group=False)
            os.waitpid(pid, 0)

    def take_fds(self, worker: int) -> tuple[int, ...]:
        """Return a Worker's link, pidfd and terminal, for the Master; they belong to the caller."""
        process = self._by_worker[worker]
        fds, process.for_master = process.for_master, ()
        return fds

    # exits

    def reap(self) -> list[Exited]:
        """Return the Workers whose processes have exited."""
        ended = dict(syscalls.reap())
        for helper in self._helpers & ended.keys():
            self._helpers.discard(helper)
            del ended[helper]
        exits = []
        for worker, process in self._by_worker.items():
            if process.pid in ended and not process.reaped:
                exits += self.exited(worker, ended.pop(process.pid))
        if len(self._unknown) > _MOST_REAPED:
            self._unknown.clear()
        self._unknown |= ended
        return exits

    def exited(self, worker: int, status: int) -> list[Exited]:
        """Record that a Worker was reaped, here or by an image; return that if it is news."""
        process = self._by_worker.get(worker)
        if process is None or process.reaped:
            return []
        process.reaped = True
        os.close(process.dump)
        return [Exited(worker, status)]

    def exited_before(self, worker: int, pid: int) -> list[Exited]:
        """Return the exit of a copy that was reaped before its image has reported it."""
        status = self._unknown.pop(pid, None)
        return [] if status is None else self.exited(worker, status)

    # orders

    def signal(self, worker: int, signum: int, *, group: bool) -> GroupGone | None:
        """Send a signal to a Worker or its group; return whether that group is gone now."""
        process = self._by_worker.get(worker)
        if process is None:
            return None
        found = syscalls.send_signal(process.pid, signum, group=group)
        if process.reaped:
            if not found or signum == signal.SIGKILL:
                del self._by_worker[worker]
                return GroupGone(worker)
        elif group and not found:
            syscalls.send_signal(process.pid, signum, group=False)  # it leads no group yet
        return None

    def read_stack(self, worker: int) -> StackRead | None:
        """Return what a Worker has written of its stacks since the last call."""
        process = self._by_worker.get(worker)
        if process is None or process.reaped:
            return None
        text = syscalls.read_dump(process.dump, process.dump_read)
        process.dump_read += len(text)
        return StackRead(worker, text.decode(errors="replace"))

    def close(self) -> None:
        """Close every descriptor; leave the processes alone."""
        for process in self._by_worker.values():
            for fd in (*process.for_master, *(() if process.reaped else (process.dump,))):
                os.close(fd)
        self._by_worker.clear()
