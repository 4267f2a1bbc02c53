"""Plays the Master for a Manager in a real process: a real socketpair, real forks."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from devserver.common.errors import ConnectionGone
from devserver.ipc.channel import Channel
from devserver.ipc.messages import (
    BootDone,
    Configure,
    FromManager,
    Reload,
    Source,
    Target,
    ToManager,
    WorkerForked,
    WorkerGone,
    WorkerSettings,
)

DEADLINE = 30.0
"""Seconds that any single wait may take."""
FAKE = [sys.executable, "-P", str(Path(__file__).with_name("worker_process.py"))]
"""A real Manager whose Workers are fakes."""
REAL = [sys.executable, "-P", "-m", "devserver.manager"]

M = TypeVar("M")


class WorkerLink:
    """The Master's end of a fake Worker: a line out, a line back."""

    def __init__(self, fd: int) -> None:
        self.socket = socket.socket(fileno=fd)
        self.socket.settimeout(DEADLINE)
        self._file = self.socket.makefile("rw", encoding="utf-8")

    def read(self) -> Any:
        return json.loads(self._file.readline())

    def send(self, *order: Any) -> None:
        self._file.write(json.dumps(order) + "\n")
        self._file.flush()

    def ask(self, *order: Any) -> Any:
        self.send(*order)
        return self.read()

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()
        self.socket.close()


class FakeMaster:
    """A Manager and the Master's side of it. Leaves no process and no descriptor behind."""

    def __init__(self, command: list[str] | None = None, *arguments: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [*(command or FAKE), str(theirs.fileno()), *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.channel: Channel[FromManager, ToManager] = Channel(ours, FromManager, carries_fds=True)
        self.inbox: deque[FromManager] = deque()
        self.links: dict[int, WorkerLink] = {}
        self.pidfds: dict[int, int] = {}
        self.pids: dict[int, int] = {}
        self.terminals: dict[int, int] = {}

    def __enter__(self) -> FakeMaster:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        try:
            self.process.wait(DEADLINE)
        finally:
            self.process.kill()
            self.process.wait()
            for pidfd in self.pidfds.values():
                with suppress(OSError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)

    def leave(self) -> None:
        """Be a Master that has died."""
        self.channel.close()
        for link in self.links.values():
            link.close()
        self.links.clear()
        for terminal in self.terminals.values():
            os.close(terminal)
        self.terminals.clear()

    def send(self, message: ToManager) -> None:
        self.channel.queue(message)
        assert self.channel.flush()

    def configure(
        self,
        *,
        slots: int = 1,
        boot_timeout: float = 60.0,
        terminal: bool = False,
        target: Target | None = None,
    ) -> None:
        self.send(
            Configure(
                worker=WorkerSettings(target or Target("app", ()), "/root-of-the-app"),
                slots=slots,
                first_worker=1,
                terminal=terminal,
                boot_timeout=boot_timeout,
                drain=600.0,
                first_boot=False,
            )
        )

    def reload(self, generation: int, text: str = "serve", *, base: int = 0) -> None:
        source = Source("app", text.encode(), text.encode())
        self.send(Reload(generation, base, (source,)))

    def wait(self, kind: type[M]) -> M:
        """Return the next message of a kind; what comes before it is dropped."""
        end = time.monotonic() + DEADLINE
        while True:
            while self.inbox:
                message = self.inbox.popleft()
                if isinstance(message, kind):
                    return message
            left = end - time.monotonic()
            assert select.select([self.channel], [], [], max(left, 0))[0], (
                f"no {kind.__name__} in {DEADLINE} s"
            )
            self._receive()

    def _receive(self) -> None:
        for message, fds in self.channel.receive():
            if isinstance(message, WorkerForked):
                link, pidfd, *terminal = fds
                self.links[message.worker] = WorkerLink(link)
                self.pidfds[message.worker] = pidfd
                self.pids[message.worker] = message.pid
                if terminal:
                    self.terminals[message.worker] = terminal[0]
            self.inbox.append(message)

    def until_gone(self) -> None:
        """Wait until the Manager has closed the channel."""
        with suppress(ConnectionGone):
            while select.select([self.channel], [], [], DEADLINE)[0]:
                self._receive()

    def started(self) -> tuple[WorkerForked, Any]:
        """Return the next Worker, and what it found at its birth."""
        message = self.wait(WorkerForked)
        return message, self.links[message.worker].read()

    def accept(self, worker: WorkerForked) -> None:
        self.send(BootDone(worker.worker, worker.generation, ()))

    def serve(self) -> WorkerForked:
        """Bring generation 1 live in one slot; return its Worker."""
        self.configure()
        self.reload(1)
        worker, _ = self.started()
        self.accept(worker)
        return worker

    def exited(self, worker: int) -> WorkerGone:
        message = self.wait(WorkerGone)
        assert message.worker == worker
        return message

    def open_fds(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def wait_gone(pid: int, pidfd: int | None = None) -> None:
    """Wait until a process has ended."""
    if pidfd is not None:
        assert select.select([pidfd], [], [], DEADLINE)[0], f"process {pid} is still there"
        return
    try:
        own = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        wait_gone(pid, own)
    finally:
        os.close(own)
