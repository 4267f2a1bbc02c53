"""A channel on an asyncio loop: messages arrive by callback; those sent in one turn leave in one write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from devserver.common.errors import ConnectionGone, NoMessage
from devserver.ipc.channel import Channel

In = TypeVar("In")
Out = TypeVar("Out")


class AsyncioChannel(Generic[In, Out]):
    """Calls `on_message(message, fds)` for each message, and `on_gone()` once, when the other end has closed.

    It calls `on_drained()` each time that the kernel has taken all that was sent.
    What `on_message` raises goes to the loop's exception handler.
    """

    def __init__(
        self,
        channel: Channel[In, Out],
        on_message: Callable[[In, list[int]], None],
        on_gone: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
        on_drained: Callable[[], None] = lambda: None,
    ) -> None:
        self._channel = channel
        self._on_message = on_message
        self._on_gone = on_gone
        self._on_drained = on_drained
        self._loop = loop
        self._flush_due = False
        self._writing = False
        self._gone = False
        self.closed = False
        loop.add_reader(channel.fileno(), self._readable)

    @property
    def unsent(self) -> int:
        """Return the bytes that the kernel has not taken yet."""
        return self._channel.unsent

    def send(self, message: Out, fds: Sequence[int] = ()) -> None:
        """Queue a message for the end of this turn of the loop; drop it if the other end has closed."""
        if self.closed or self._gone:
            return
        self._channel.queue(message, fds)
        if not self._flush_due and not self._writing:
            self._flush_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what the kernel takes now; the loop sends the rest."""
        self._flush_due = False
        if self.closed or self._gone:
            return
        try:
            done = self._channel.flush()
        except ConnectionGone:
            self._gone = True  # but the last messages of the other end can still be read
            self._detach_writer()
            return
        if done:
            self._detach_writer()
            self._on_drained()
        elif not self._writing:
            self._writing = True
            self._loop.add_writer(self._channel.fileno(), self.flush)

    def _detach_writer(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._channel.fileno())

    def _readable(self) -> None:
        try:
            messages = self._channel.receive()
        except ConnectionGone as error:
            if isinstance(error, NoMessage):
                self._loop.call_exception_handler({"message": "a channel broke", "exception": error})
            self._loop.remove_reader(self._channel.fileno())
            self._on_gone()
            return
        self._deliver(messages)
        if not self.closed and self._channel.is_reset():
            self._readable()

    def drain(self) -> None:
        """Deliver at once all that the other end has sent so far."""
        if not self.closed:
            self._deliver(self._channel.drain())

    def _deliver(self, messages: list[tuple[In, list[int]]]) -> None:
        for message, fds in messages:
            if self.closed:
                return
            try:
                self._on_message(message, fds)
            except Exception as error:  # else the messages that arrived with it would be lost
                text = f"a message failed: {type(message).__name__}"
                self._loop.call_exception_handler({"message": text, "exception": error})

    def close(self) -> None:
        """Leave the loop and close the socket."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._channel.fileno())
        self._detach_writer()
        self._channel.close()
