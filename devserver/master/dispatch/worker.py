"""The Master's end of a Worker: its link, its terminal and its pidfd."""

from __future__ import annotations

import asyncio
import codecs
import os
import signal
import socket
import termios
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from devserver.ipc.asyncio_channel import AsyncioChannel
from devserver.ipc.channel import Channel
from devserver.ipc.messages import FromWorker, ToWorker, WorkerForked

_READ = 64 * 1024
_MOST_READS = 64
"""Reads in a row, while others wait."""
_MOST_KEYS = 64 * 1024


class OutputReceived(Struct, frozen=True):
    """A Worker has printed to its terminal."""

    worker: Worker
    text: str


class LinkCaughtUp(Struct, frozen=True):
    """A Worker has read everything that was sent to it."""

    worker: Worker


class LinkClosed(Struct, frozen=True):
    """A Worker's link is closed."""

    worker: Worker


class OrphanExited(Struct, frozen=True):
    """The pidfd of a Worker without a Manager is readable."""

    worker: Worker


WorkerFact = OutputReceived | LinkCaughtUp | LinkClosed | OrphanExited


class Worker:
    """One Worker process; `on_message` takes its messages, `report` other facts.

    Its Manager reports its death; once that is dead itself, the pidfd does.
    """

    def __init__(
        self,
        started: WorkerForked,
        fds: list[int],
        on_message: Callable[[Worker, FromWorker], None],
        report: Callable[[WorkerFact], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        link, self._pidfd, *terminal = fds
        self.id = started.worker
        self.slot = started.slot
        self.generation = started.generation
        self.pid = started.pid
        self.started = started
        self.way = started.way
        self._watches_exit = False
        self._on_message = on_message
        self._report = report
        self._loop = loop
        channel: Channel[FromWorker, ToWorker] = Channel(socket.socket(fileno=link), FromWorker)
        self.link = AsyncioChannel(channel, self._message, self._link_closed, loop, self._caught_up)
        self._terminal = terminal[0] if terminal else -1
        self._keys = bytearray()
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        if terminal:
            os.set_blocking(self._terminal, False)
            loop.add_reader(self._terminal, self._read_terminal)

    @property
    def terminal(self) -> int:
        """Return our side of its terminal, -1 for none."""
        return self._terminal

    def watch_exit(self) -> None:
        """Watch its pidfd, because no Manager reports its exit."""
        self._watches_exit = True
        self._loop.add_reader(self._pidfd, self._exited)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal through the pidfd, never to a later process with its id; nothing if it is dead."""
        with suppress(OSError):
            signal.pidfd_send_signal(self._pidfd, number)

    def pause_output(self, paused: bool) -> None:
        """Pause or resume reading its output."""
        if self._terminal >= 0:
            if paused:
                self._loop.remove_reader(self._terminal)
            else:
                self._loop.add_reader(self._terminal, self._read_terminal)

    def read_terminal(self) -> None:
        """Read its output so far."""
        for _ in range(_MOST_READS):
            if self._terminal < 0 or not self._read_terminal():
                break

    def type(self, keys: bytes) -> None:
        """Write keys to its terminal; drop unread keys beyond 64 KiB, as terminals do."""
        if self._terminal >= 0:
            self._keys += keys[: _MOST_KEYS - len(self._keys)]
            self._write_terminal()

    def resize(self, columns: int, rows: int) -> None:
        """Set the size of its terminal; the Worker gets SIGWINCH for a change."""
        if self._terminal >= 0:
            with suppress(termios.error):
                termios.tcsetwinsize(self._terminal, (rows, columns))

    def drain(self) -> None:
        """Read all messages and output that it sent before it exited."""
        self.link.drain()
        while self._terminal >= 0 and self._read_terminal():
            pass

    def close(self) -> None:
        """Close its descriptors."""
        self.link.close()
        if self._watches_exit:
            self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self._close_terminal()

    def _message(self, message: FromWorker, _fds: list[int]) -> None:
        self._on_message(self, message)

    def _caught_up(self) -> None:
        self._report(LinkCaughtUp(self))

    def _link_closed(self) -> None:
        """Report that the link is closed, which does not prove that the Worker is dead."""
        self._report(LinkClosed(self))

    def _exited(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._report(OrphanExited(self))

    def _read_terminal(self) -> bool:
        try:
            data = os.read(self._terminal, _READ)
        except BlockingIOError:
            return False
        except OSError:  # EIO: no process has the other side open any more
            data = b""
        text = self._text.decode(data, final=not data)
        if text:
            self._report(OutputReceived(self, text))
        if not data:
            self._close_terminal()
        return bool(data)

    def _write_terminal(self) -> None:
        try:
            del self._keys[: os.write(self._terminal, self._keys)]
        except BlockingIOError:
            pass
        except OSError:  # EIO: no process has the other side open any more
            self._keys.clear()
        if self._keys:
            self._loop.add_writer(self._terminal, self._write_terminal)
        else:
            self._loop.remove_writer(self._terminal)

    def _close_terminal(self) -> None:
        if self._terminal >= 0:
            self._loop.remove_reader(self._terminal)
            self._loop.remove_writer(self._terminal)
            os.close(self._terminal)
            self._terminal = -1
