"""The Manager's end of the channel to the Master: orders in, messages and their descriptors out.

Laws: a descriptor that goes to the Master is closed here once it was sent. What is sent to a Master that has
died is dropped.
"""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Sequence

from devserver.ipc.channel import Channel
from devserver.ipc.messages import FromManager, ToManager


class MasterChannel:
    """Owns the socket `fd`. The owner of `selector` calls `receive` when that reports the channel."""

    def __init__(self, fd: int, selector: selectors.BaseSelector) -> None:
        sock = socket.socket(fileno=fd)
        sock.set_inheritable(False)
        self._channel: Channel[ToManager, FromManager] = Channel(sock, ToManager, carries_fds=True)
        self._selector = selector
        selector.register(self._channel, selectors.EVENT_READ)
        self._sending: list[int] = []
        self.lost = False
        """Whether the Master has died."""

    def fileno(self) -> int:
        return self._channel.fileno()

    @property
    def unsent(self) -> bool:
        """Return whether the Master has yet to get something."""
        return not self.lost and bool(self._channel.unsent)

    def receive(self) -> list[ToManager]:
        """Return the orders that have arrived. Raises ConnectionGone."""
        orders = []
        for message, fds in self._channel.receive():
            for fd in fds:
                os.close(fd)
            orders.append(message)
        return orders

    def send(self, message: FromManager, fds: Sequence[int] = ()) -> None:
        """Queue a message, with descriptors that belong to the channel from now on."""
        self._sending += fds
        if self.lost:
            self._close_sent()
        else:
            self._channel.queue(message, fds)

    def flush(self) -> None:
        """Send what fits, and have the rest sent once there is room. Raises ConnectionGone."""
        if self.lost:
            return
        sent = self._channel.flush()
        if sent:
            self._close_sent()
        events = selectors.EVENT_READ if sent else selectors.EVENT_READ | selectors.EVENT_WRITE
        if self._selector.get_key(self._channel).events != events:
            self._selector.modify(self._channel, events)

    def lose(self) -> None:
        """Send nothing more: the Master has died."""
        self.lost = True
        self._selector.unregister(self._channel)
        self._close_sent()

    def close(self) -> None:
        """Close the channel, and the descriptors that were not sent."""
        self._channel.close()
        self._close_sent()

    def _close_sent(self) -> None:
        while self._sending:
            os.close(self._sending.pop())
