"""A real Worker process under test, and the Master's part of the talk with it."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from devserver.common.errors import ConnectionGone
from devserver.ipc.channel import Channel
from devserver.ipc.messages import (
    BootDone,
    BootFailed,
    ConnectionWindowUpdate,
    FromWorker,
    Handle,
    Handled,
    JobKind,
    Leave,
    LoopChoice,
    Send,
    Source,
    Target,
    ToWorker,
)
from tests.fakes.manager_process import Orders

DEADLINE = 30.0
SCRIPT = Path(__file__).parents[1] / "fakes/manager_process.py"
PLENTY = 1024 * 1024

M = TypeVar("M")


class WorkerProcess:
    """Starts a Worker on a module of the folder `root`; `sent` joins what it sent, by connection."""

    def __init__(
        self,
        root: Path,
        *,
        sources: dict[str, Source] | None = None,
        loop: LoopChoice = "auto",
        attribute: str = "",
        module: str = "app",
    ) -> None:
        ours, theirs = socket.socketpair()
        read_pid, write_pid = os.pipe()
        target = Target(module, (str(root),), attribute, str(root / f"{module}.py"), ("--fast",))
        orders = Orders(target, str(root), sources or {}, loop)
        self.output = ""
        self.messages: list[Any] = []
        self.sent: dict[int, bytes] = {}
        self._jobs = 0
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(SCRIPT), str(theirs.fileno()), str(write_pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(theirs.fileno(), write_pid),
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        theirs.close()
        os.close(write_pid)
        self.channel: Channel[FromWorker, ToWorker] = Channel(ours, FromWorker)
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.msgpack.encode(orders))
        self._process.stdin.close()
        self._process.stdin = None
        self.pid = int(os.read(read_pid, 20) or b"0")
        os.close(read_pid)

    def end(self) -> None:
        """Leave no process of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.channel.close()
        self.exit_code()

    # the Master's part

    def next(self, deadline: float = DEADLINE) -> FromWorker:
        """Return the next message. Raises ConnectionGone at the end of the link, TimeoutError."""
        until = time.monotonic() + deadline
        while not self.messages:
            ready, _, _ = select.select([self.channel], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError(f"the Worker sent nothing; its output: {self.output}")
            self.messages += [message for message, _ in self.channel.receive()]
        message: FromWorker = self.messages.pop(0)
        if isinstance(message, Send):
            self.sent[message.connection] = self.sent.get(message.connection, b"") + message.data
        return message

    def until(self, kind: type[M]) -> M:
        """Return the next message of `kind`; those before it are dropped (but what was sent is joined)."""
        while True:
            message = self.next()
            if isinstance(message, kind):
                return message
            if isinstance(message, BootFailed):
                raise AssertionError(message.failure)

    def ready(self) -> BootDone:
        return self.until(BootDone)

    def send(self, message: ToWorker) -> None:
        self.channel.queue(message)
        while not self.channel.flush():
            select.select([], [self.channel], [], DEADLINE)

    def begin(
        self,
        data: bytes = b"",
        *,
        kind: JobKind = "receive",
        connection: int = 1,
        state: bytes = b"\x80",
        window: int = PLENTY,
    ) -> int:
        """Hand the Worker a unit; return its number."""
        self._jobs += 1
        peer = ("127.0.0.1", 4000 + connection)
        self.send(Handle(self._jobs, kind, connection, peer, "tcp", state, data, window))
        return self._jobs

    def handle(self, data: bytes = b"", **options: Any) -> Handled:
        """Hand the Worker a unit and return how it ended."""
        job = self.begin(data, **options)
        handled = self.until(Handled)
        assert handled.job == job
        return handled

    def reply(self, data: bytes = b"", *, connection: int = 1, **options: Any) -> bytes:
        """Hand the Worker a unit that succeeds, and return what it has sent."""
        self.sent.clear()
        handled = self.handle(data, connection=connection, **options)
        assert handled.failure is None, handled.failure
        return self.sent.get(connection, b"")

    def credit(self, size: int, connection: int = 1) -> None:
        self.send(ConnectionWindowUpdate(connection, size))

    # its end

    def leave(self) -> int:
        """Order it to leave, and return its exit code."""
        self.send(Leave())
        return self.exit_code()

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def exit_code(self) -> int:
        """Wait for its end; its whole output is in `output` then."""
        if self._process.stdout is not None and not self._process.stdout.closed:
            output, _ = self._process.communicate(timeout=DEADLINE)
            self.output += output.decode()
        return self._process.wait(DEADLINE)

    def rest(self) -> list[FromWorker]:
        """Return all that it still sends, up to the end of the link."""
        rest: list[FromWorker] = []
        with suppress(ConnectionGone):
            while True:
                rest.append(self.next())
        return rest


Start = Callable[..., WorkerProcess]
"""Starts a Worker on the source of `app.py`, past its start-up unless `ready=False`."""


def workers(tmp_path: Path) -> Iterator[Start]:
    """Yield a Start whose Workers end with the test: a fixture."""
    started: list[WorkerProcess] = []

    def start(source: str | None, *, ready: bool = True, **options: Any) -> WorkerProcess:
        if source is not None:
            (tmp_path / "app.py").write_text(textwrap.dedent(source))
        worker = WorkerProcess(tmp_path, **options)
        started.append(worker)
        if ready:
            worker.ready()
        return worker

    yield start
    for worker in started:
        worker.end()
