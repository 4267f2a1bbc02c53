"""The output to one client: whole messages, no faster than the client reads.

Law: a message that comes in parts is never mixed with another one. A Worker gets a window update once the
client has read its data.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Outbox:
    """Decides which data is written, held or dropped; `limit` bytes may wait for the client."""

    limit: int
    whole: bool = False
    """A message is written once all its parts have come."""
    paused: bool = False
    """The transport holds more than `limit` bytes."""
    _author: int = 0
    """The Worker whose message is incomplete."""
    _kept: list[tuple[int, bytes, bool]] = field(default_factory=list)
    _kept_size: int = 0
    _owed: dict[int, int] = field(default_factory=dict)
    _begun: bytearray = field(default_factory=bytearray)

    def send(self, worker: int, data: bytes, more: bool) -> list[bytes]:
        """Take a part of a message of `worker`; return the data to write now."""
        self._owed[worker] = self._owed.get(worker, 0) + len(data)
        return self._accept(worker, data, more)

    def broadcast(self, data: bytes) -> list[bytes] | None:
        """Take a whole broadcast message; return the data to write now, None if it is dropped."""
        if self.paused or self._kept_size > self.limit:
            return None
        return self._accept(0, data, False)

    def _accept(self, worker: int, data: bytes, more: bool) -> list[bytes]:
        if self._author not in (0, worker) or (self._author and not worker):
            self._kept.append((worker, data, more))
            self._kept_size += len(data)
            return []
        self._author = worker if more else 0
        if self.whole and (more or self._begun):
            self._begun += data
            if more:
                return []
            data = bytes(self._begun)
            self._begun.clear()
        return [data] if more else [data, *self._take_kept()]

    def on_worker_died(self, worker: int) -> tuple[bool, list[bytes]]:
        """The Worker has died: return whether its message was truncated, and the data to write now."""
        self._owed.pop(worker, None)
        if self._author != worker:
            return self._drop_unfinished(worker), []
        self._author = 0
        self._begun.clear()
        return True, self._take_kept()

    def _drop_unfinished(self, worker: int) -> bool:
        """Drop its incomplete message, which would block all others for ever."""
        ends = (at for at, (author, _, more) in enumerate(self._kept) if author == worker and not more)
        last = max(ends, default=-1)
        kept = [part for at, part in enumerate(self._kept) if part[0] != worker or at <= last]
        cut = len(kept) < len(self._kept)
        self._kept, self._kept_size = kept, sum(len(data) for _, data, _ in kept)
        return cut

    def credit(self, worker: int) -> int:
        """Return how many more bytes `worker` may send now, and count them as granted."""
        owed = self._owed.get(worker, 0)
        if self.paused or owed < self.limit // 4:
            return 0
        self._owed[worker] = 0
        return owed

    def reset(self, worker: int) -> None:
        """A new job starts on `worker` with a full window."""
        self._owed[worker] = 0

    @property
    def creditors(self) -> tuple[int, ...]:
        """Return the Workers that may wait for a window update."""
        return tuple(self._owed)

    def _take_kept(self) -> list[bytes]:
        kept, self._kept, self._kept_size = self._kept, [], 0
        return [data for part in kept for data in self._accept(*part)]
