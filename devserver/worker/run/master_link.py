"""The Worker's end of the link to the Master: sends from any thread, and can wait without an event loop.

Laws: a message leaves at once, so the Master has it whatever the app does next. A thread that waits for the
Master reads for all threads. It handles window updates and answers, and queues the rest for the event loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import itertools
import select
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakValueDictionary

from devserver.common.errors import ConnectionGone
from devserver.ipc.channel import Channel
from devserver.ipc.messages import (
    ConnectionRow,
    ConnectionsRequested,
    ConnectionTable,
    ConnectionWindowUpdate,
    DebuggerState,
    FromWorker,
    Handle,
    Leave,
    RoutesRequested,
    StreamOrder,
    ToWorker,
)
from devserver.worker.run.outbox import Outbox

WINDOW = 1024 * 1024
"""Window of a connection until its first job in this Worker brings the Master's."""

_REMEMBERED = 4096
"""Outboxes kept for their window although the app holds no `conn` of theirs."""

ForLoop = Handle | StreamOrder | RoutesRequested | Leave


class MasterLink:
    """Owns the socket. `synchronous` is set by the runner while a sync handler runs on the loop's thread."""

    def __init__(self, sock: socket.socket, worker: int = 0, generation: int = 0) -> None:
        self.worker, self.generation = worker, generation
        self._channel: Channel[ToWorker, FromWorker] = Channel(sock, ToWorker)
        self.lock = threading.RLock()
        self._turn = threading.Condition(self.lock)
        self._reading = False
        """A thread reads from the socket for all threads."""
        self._backlog: deque[ForLoop] = deque()
        self._answers: dict[int, tuple[ConnectionRow, ...]] = {}
        self._requests = itertools.count(1)
        self._attended = False
        self._flush_due = False
        self._crowded = False
        """Several jobs came at once: batch the answers, because sending each alone would slow all of them."""
        self._outboxes: WeakValueDictionary[int, Outbox] = WeakValueDictionary()
        self._recent: deque[Outbox] = deque(maxlen=_REMEMBERED)
        self._window = WINDOW
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._context = contextvars.copy_context()
        self._on_message: Callable[[ForLoop], None] = _ignore
        self._on_gone: Callable[[], None] = _ignore
        self.synchronous = False
        self.gone = False
        """The Master has closed the link."""
        self.forked = False
        """This process was forked from the Worker: it has no link."""

    # sending

    def send(self, message: FromWorker) -> None:
        """Send at once; drop the message if the Master is gone. Raises ConnectionGone in a forked child."""
        with self.lock:
            if self.forked:
                raise ConnectionGone("a process forked by the app cannot reach the clients: return the data")
            if self.gone:
                return
            self._channel.queue(message)
            self._push()

    def answer(self, message: FromWorker) -> None:
        """Send at once; under load, together with the other answers of this turn of the loop."""
        if self._crowded and not self.forked:
            self.queue(message)
        else:
            self.send(message)

    def queue(self, message: FromWorker) -> None:
        """Send with the next message, or at the end of this turn of the loop: not urgent."""
        with self.lock:
            if self.gone:
                return
            self._channel.queue(message)
        if not self._flush_due and self._loop is not None:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        with self.lock:
            if not self.gone:
                self._push()

    def _push(self) -> None:
        try:
            while not self._channel.flush():
                self._await(select.POLLOUT)
        except ConnectionGone as error:
            _explain(error)
            self.gone = True  # but the Master's last messages can still be read: the loop sees the end

    def outbox(self, connection: int, window: int | None = None) -> Outbox:
        """Return the outbox of a connection; `window` is that of a job that starts."""
        with self.lock:
            if window is not None:
                self._window = window
            outbox = self._outboxes.get(connection)
            if outbox is None:
                outbox = Outbox(connection, sys.maxsize if self.gone else self._window, self)
                self._outboxes[connection] = outbox
                self._recent.append(outbox)
            elif window is not None:
                outbox.renew(window)
            return outbox

    def connections(self) -> tuple[ConnectionRow, ...]:
        """Ask the Master for all open connections, and wait for the answer. Raises ConnectionGone."""
        with self.lock:
            request = next(self._requests)
        self.send(ConnectionsRequested(request))
        self.wait(lambda: request in self._answers)
        return self._answers.pop(request)

    def debugging(self, message: DebuggerState) -> None:
        """Report that a prompt begins or ends; return once the Master has confirmed it. Raises
        ConnectionGone.

        So the Master can separate earlier output from later output.
        """
        self._attended = False
        self.send(message)
        self.wait(lambda: self._attended)

    @property
    def unsent(self) -> bool:
        """Return whether an outbox waits for its client to read."""
        return any(outbox.unsent for outbox in list(self._outboxes.values()))

    async def drained(self) -> None:
        """Return once everything that was sent up to now has left this process."""
        for outbox in list(self._outboxes.values()):
            await outbox.drained()

    # waiting

    def blocks(self) -> bool:
        """Return whether the caller may block without stopping the event loop."""
        return self.synchronous or self._loop is None or threading.get_ident() != self._loop_thread

    def wait(self, done: Callable[[], bool]) -> None:
        """Block until `done`, called after each message, returns True. Raises ConnectionGone."""
        while True:
            with self._turn:
                self._turn.wait_for(lambda: done() or self.gone or not self._reading)
                if done():
                    return
                if self.gone:
                    raise ConnectionGone("the server is gone")
                self._reading = True
            try:
                self._await(select.POLLIN)
            finally:
                with self._turn:
                    self._reading = False
                    self._receive()

    def _await(self, what: int) -> None:
        poll = select.poll()
        poll.register(self._channel.fileno(), what)
        poll.poll()

    # receiving

    def attach(
        self,
        loop: asyncio.AbstractEventLoop,
        on_message: Callable[[ForLoop], None],
        on_gone: Callable[[], None],
    ) -> None:
        """Deliver jobs and orders on `loop`; call `on_gone` once when the Master is gone."""
        self._loop, self._loop_thread = loop, threading.get_ident()
        self._context = contextvars.copy_context()  # context variables that the app's import has set
        self._on_message, self._on_gone = on_message, on_gone
        loop.add_reader(self._channel.fileno(), self._readable)
        self._schedule()

    def detach(self) -> None:
        """Leave the loop; sending and waiting go on without it."""
        if self._loop is not None:
            self._loop.remove_reader(self._channel.fileno())
            self._loop = None

    def _readable(self) -> None:
        with self._turn:
            if not self._reading:
                self._receive()

    def _receive(self) -> None:
        try:
            messages = self._channel.receive()
        except ConnectionGone as error:
            _explain(error)
            self._lose()
            messages = []
        for message, _fds in messages:
            self._accept(message)
        if not self.gone and self._channel.is_reset():
            self._receive()
            return
        self._turn.notify_all()
        self._schedule()

    def _accept(self, message: ToWorker) -> None:
        match message:
            case ConnectionWindowUpdate(connection=connection, size=size):
                outbox = self._outboxes.get(connection)
                if outbox is not None:
                    outbox.grant(size)
            case ConnectionTable(request=request, rows=rows):
                self._answers[request] = rows
            case DebuggerState():
                self._attended = True
            case _:
                self._backlog.append(message)

    def _lose(self) -> None:
        self.gone = True
        for outbox in list(self._outboxes.values()):
            outbox.release()

    def _schedule(self) -> None:
        if self._loop is not None and (self._backlog or self.gone):
            # Not in the context of the waiting code: a job must not inherit another's.
            here = threading.get_ident() == self._loop_thread
            call = self._loop.call_soon if here else self._loop.call_soon_threadsafe
            call(self._deliver, context=self._context)

    def _deliver(self) -> None:
        self._crowded = len(self._backlog) > 1
        while self._backlog and self._loop is not None:
            self._on_message(self._backlog.popleft())
        if self.gone and self._loop is not None:
            self._loop.remove_reader(self._channel.fileno())
            on_gone, self._on_gone = self._on_gone, _ignore
            on_gone()

    def renew(self, sock: socket.socket, worker: int, generation: int) -> None:
        """In a copy of this Worker, which has abandoned the link: become another Worker with a new link."""
        self.worker, self.generation = worker, generation
        self._channel = Channel(sock, ToWorker)
        self.forked = self.gone = False

    def abandon(self) -> None:
        """In a forked child, close the link: else the Master would not notice the end of the Worker."""
        self.lock = threading.RLock()  # another thread may have held it at the fork
        self._turn = threading.Condition(self.lock)
        self._reading = False
        self._loop = None
        self.forked = self.gone = True
        self._channel.close()


def _explain(error: ConnectionGone) -> None:
    """Print that the app has closed the link: no other process can report it."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in (errno.EBADF, errno.ENOTSOCK):
        sentence = "the app has closed this worker's connection to devserver, so the worker is replaced"
        advice = "close only descriptors that you have opened (os.closerange closes all)"
        with suppress(OSError, ValueError, AttributeError):
            print(f"devserver: {sentence}; {advice}", file=sys.stderr, flush=True)


def _ignore(*_: object) -> None:
    pass
