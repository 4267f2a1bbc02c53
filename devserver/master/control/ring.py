"""Keeps the newest items within a bound: pure.

Law: memory is bounded by weight and by number, and what was dropped is counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ring(Generic[Item]):
    """Items with their time, oldest first. The newest is kept, however heavy it is."""

    def __init__(self, most: int, heaviest: int) -> None:
        self._most = most
        self._heaviest = heaviest
        self._items: deque[tuple[float, int, Item]] = deque()
        self._weight = 0
        self.dropped_at = 0.0
        """The time of the newest item that was dropped, 0 if none was."""

    def add(self, item: Item, at: float, weight: int) -> None:
        """Add an item, and drop the oldest ones beyond the bounds."""
        self._items.append((at, weight, item))
        self._weight += weight
        while len(self._items) > 1 and (len(self._items) > self._most or self._weight > self._heaviest):
            self.dropped_at, lightened, _ = self._items.popleft()
            self._weight -= lightened

    def since(self, at: float) -> Iterator[Item]:
        """Yield the items of `at` or later."""
        return (item for time, _, item in self._items if time >= at)

    def lacks(self, since: float) -> bool:
        """Return whether an item since then was dropped."""
        return self.dropped_at > 0 and self.dropped_at >= since

    def __len__(self) -> int:
        return len(self._items)
