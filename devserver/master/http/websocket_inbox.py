"""The messages of a WebSocket's client that no app has received: pure.

Law: they stay in order. A run gets each at most once; the next run gets those that no app has received.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_AHEAD = 64
"""Messages, and bytes, that a Worker may get before its app has taken them."""
MOST_AHEAD_BYTES = 1024 * 1024


@dataclass(slots=True)
class WebSocketInbox:
    """`ahead`: how many of the first messages the run in hand has got already."""

    ahead: int = 0
    _ahead_bytes: int = 0
    _size: int = 0
    _messages: deque[tuple[int, bytes, bool]] = field(default_factory=deque)
    """Stamp, message, and whether it is text."""

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def full(self) -> bool:
        """Return whether the client has to wait with more messages."""
        return self._size >= MOST_AHEAD_BYTES or len(self._messages) >= 2 * MOST_AHEAD

    @property
    def holds(self) -> bool:
        """Return whether a message waits that no run has got."""
        return len(self._messages) > self.ahead

    def add(self, stamp: int, data: bytes, text: bool) -> None:
        """Add a message of the client's."""
        self._messages.append((stamp, data, text))
        self._size += len(data)

    def next(self, settled: Callable[[int], bool]) -> tuple[bytes, bool] | None:
        """Return the next message for the run in hand, and whether it is text; None if none may go."""
        if not self.holds or self.ahead >= MOST_AHEAD or self._ahead_bytes >= MOST_AHEAD_BYTES:
            return None
        stamp, data, text = self._messages[self.ahead]
        if not settled(stamp):
            return None
        self.ahead += 1
        self._ahead_bytes += len(data)
        return data, text

    def on_received(self) -> None:
        """The app has received the first message of those ahead."""
        _, data, _ = self._messages.popleft()
        self.ahead -= 1
        self._ahead_bytes -= len(data)
        self._size -= len(data)

    def on_run_started(self) -> None:
        """Another run has started, which has got no message yet."""
        self.ahead = self._ahead_bytes = 0

    def clear(self) -> int:
        """Drop all messages; return how many there were."""
        count = len(self._messages)
        self._messages.clear()
        self.ahead = self._ahead_bytes = self._size = 0
        return count
