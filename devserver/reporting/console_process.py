"""The Master's side of the console: the process, and the link to it; free of rich.

The console may die or stop reading at any moment: only the dashboard is lost, the server goes on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import msgspec

from devserver.common.console_settings import ConsoleSettings
from devserver.common.undebugged import undebugged
from devserver.reporting import terminal

CHUNK = 64 * 1024
DEFAULT = ConsoleSettings()
MAXIMUM_ORDER = 16 * 1024
"""Bytes; a line longer than that is no order."""


class Order(msgspec.Struct, frozen=True):
    """An order of the user's. `typed`: keys, whose meaning the Master knows; `reload`, `stop`; `input`,
    `resize`: for a Worker at a prompt.

    A character of `text` is a byte (Latin-1): the bytes of a key need not be text.
    """

    order: Literal["reload", "stop", "typed", "input", "resize"]
    worker: int = 0
    text: str = ""
    columns: int = 0
    rows: int = 0

    @property
    def keys(self) -> bytes:
        return self.text.encode("latin-1", "replace")


def usable() -> bool:
    """Return whether there is a terminal that the console can draw on."""
    capable = os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    return os.isatty(1) and capable


class ConsoleProcess:
    """The console as a child on this process's terminal, whose settings are saved first. Raises OSError."""

    def __init__(self, settings: ConsoleSettings = DEFAULT) -> None:
        self._terminal = terminal.of_process()
        self.socket, theirs = socket.socketpair()
        self.socket.setblocking(False)
        command = [sys.executable, "-P", "-m", "devserver.console", str(theirs.fileno())]
        command += [msgspec.json.encode(settings).decode()]
        try:
            with undebugged():
                self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        except OSError:
            self.socket.close()
            raise
        finally:
            theirs.close()

    def end(self, patience: float) -> int:
        """Wait until the console exits after its link was closed; kill it in the end. Return its status.

        Blocks for at most about `patience` seconds.
        """
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(patience / 2)
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(patience / 2)
        self.process.kill()
        return self.process.wait()

    def suspend(self, patience: float) -> None:
        """Stop the console and wait until it has restored the terminal, so that the Master may stop too.

        The shell prints its prompt as soon as the Master has stopped: the dashboard must be gone by then.
        """
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTSTP)
        deadline = time.monotonic() + patience
        options = os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT
        with suppress(ChildProcessError, AttributeError):  # macOS has no waitid before Python 3.13
            while os.waitid(os.P_PID, self.process.pid, options) is None and time.monotonic() < deadline:
                time.sleep(0.002)

    def resume(self) -> None:
        """Let the console go on after the Master itself was continued."""
        self.process.send_signal(signal.SIGCONT)

    def restore_terminal(self) -> None:
        """Restore the terminal's first settings, however the console died. Never blocks, may be repeated."""
        if self._terminal is not None:
            killed = (self.process.poll() or 0) < 0
            self._terminal.restore(after=b"\n" if killed else b"")


class ConsoleLink:
    """The link on an event loop: lines out, orders in. `on_gone` is called once, never from within a call."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        *,
        on_order: Callable[[Order], None],
        on_gone: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._socket = sock
        self._on_order = on_order
        self._on_gone = on_gone
        self._outgoing = bytearray()
        self.unread = 0
        """Bytes that were dropped because the console died."""
        self._incoming = bytearray()
        self._open = True
        self._finishing = False
        self._left = asyncio.Event()
        loop.add_reader(sock, self._readable)

    @property
    def backlog(self) -> int:
        """Return the bytes that the console has not read yet: past some MB, stop reading their sources."""
        return len(self._outgoing)

    def write(self, line: bytes) -> None:
        """Send `line`, now or later; dropped once the console is gone. Never blocks."""
        if not self._open:
            return
        waiting = bool(self._outgoing)
        self._outgoing += line
        if not waiting:
            self._flush()
            if self._outgoing and self._open:
                self._loop.add_writer(self._socket, self._writable)

    async def finish(self, patience: float) -> None:
        """Let the console take the rest and draw it, for at most `patience` seconds; then close."""
        self._finishing = True
        if self._open and not self._outgoing:
            self._end()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._left.wait()
        self.close()

    def close(self) -> None:
        """Close the link at once; `on_gone` is not called for it."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._outgoing.clear()
            self._socket.close()
            self._left.set()

    def _writable(self) -> None:
        self._flush()
        if self._open and not self._outgoing:
            self._loop.remove_writer(self._socket)
            if self._finishing:
                self._end()

    def _end(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def _flush(self) -> None:
        try:
            while self._outgoing:
                sent = self._socket.send(self._outgoing[:CHUNK])
                del self._outgoing[:sent]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._gone()

    def _readable(self) -> None:
        try:
            data = self._socket.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._gone()
            return
        self._incoming += data
        *lines, rest = self._incoming.split(b"\n")
        self._incoming = rest if len(rest) <= MAXIMUM_ORDER else bytearray()
        for line in lines:
            with suppress(msgspec.ValidationError, msgspec.DecodeError):
                self._on_order(msgspec.json.decode(line, type=Order))

    def _gone(self) -> None:
        if self._open:
            self.unread = len(self._outgoing)
            self.close()
            if not self._finishing:
                self._loop.call_soon(self._on_gone)
