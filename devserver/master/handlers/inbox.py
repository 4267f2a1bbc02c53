"""The input of a connection that no Worker has got yet: pure.

Law: bytes are cut into frames only once their stamp is settled. So the new code's framing cuts the bytes that
wait for it. Frames leave in the order of arrival, one at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from devserver.common.errors import FrameError
from devserver.common.framing import Decoder, Framing, decoder
from devserver.ipc.messages import JobKind


class Item(Struct, frozen=True):
    """One call of a handler: a frame, or the connection's begin or end."""

    kind: JobKind
    data: bytes = b""


@dataclass(slots=True)
class _Arrival:
    stamp: int
    kind: JobKind
    data: bytes


@dataclass(slots=True)
class Inbox:
    """One connection's queue. `size` is the bytes held, without an incomplete frame."""

    whole: bool = False
    """The transport delivers whole frames."""
    size: int = 0
    error: FrameError | None = None
    _decoder: Decoder | None = None
    _framing: Framing | None = None
    _held: deque[_Arrival] = field(default_factory=deque)
    _items: deque[Item] = field(default_factory=deque)

    @property
    def holds(self) -> bool:
        """Return whether input waits for its stamp to be settled."""
        return bool(self._held)

    @property
    def tail(self) -> bytes:
        """Return the incomplete frame at the end."""
        return self._decoder.tail if self._decoder else b""

    def arrive(self, stamp: int, kind: JobKind, data: bytes = b"") -> None:
        """Hold new input until `release`."""
        self._held.append(_Arrival(stamp, kind, data))
        self.size += len(data)

    def release(self, framing: Framing | None, is_settled: Callable[[int], bool]) -> None:
        """Cut the input with a settled stamp into items; `framing` is the live code's, if any runs."""
        while framing is not None and self._held and is_settled(self._held[0].stamp):
            arrival = self._held.popleft()
            if arrival.kind == "receive":
                self._cut(arrival.data, framing)
            else:
                self._items.append(Item(arrival.kind))

    def _cut(self, data: bytes, framing: Framing) -> None:
        self.size -= len(data)
        if self.error:
            return
        if self.whole:
            self._items.append(Item("receive", data))
            self.size += len(data)
            return
        if self._decoder is None or framing != self._framing:
            data = self.tail + data
            self._decoder, self._framing = decoder(framing), framing
        for frame in self._decoder.feed(data):
            self._items.append(Item("receive", frame))
            self.size += len(frame)
        self.error = self._decoder.error

    def peek(self) -> Item | None:
        """Return the next item, None if there is none."""
        return self._items[0] if self._items else None

    def pop(self) -> Item:
        """Take the next item."""
        item = self._items.popleft()
        self.size -= len(item.data)
        return item

    def discard_frames(self) -> int:
        """Drop every frame, because the app has closed the connection; return how many there were."""
        frames = sum(item.kind == "receive" for item in self._items)
        self._items = deque(item for item in self._items if item.kind != "receive")
        self._held = deque(arrival for arrival in self._held if arrival.kind != "receive")
        self.size = 0
        return frames
