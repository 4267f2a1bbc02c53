"""Notices an app that writes its own source each time it starts, which would reload for ever: pure.

Law: no save of a user who is merely quick is lost: what was muted is tried once more when all is quiet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

MOST = 10
WINDOW = 10.0
"""So many edits of one file in so many seconds, each while a reload for that file boots: hardly an author."""

PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Seconds before what was muted is tried: an app that writes itself is tried so often and no more."""


@dataclass(slots=True)
class SelfWriteGuard:
    """`muted` files reload no more by what is written during a boot; a save at another time still counts."""

    muted: set[str] = field(default_factory=set)
    _edits: dict[str, deque[float]] = field(default_factory=dict)
    _owed: bool = False
    """A muted file was written during a boot, and is to be tried when that is over."""
    _tries: int = 0
    """How often that was done since such a file was written at another time."""

    def noticed(self, paths: Iterable[str], booting: Iterable[str], now: float) -> tuple[str, ...]:
        """Take an edit of `paths` while reloads for `booting` boot; return what is muted from now on."""
        found = []
        if self.muted.intersection(paths) - set(booting):
            self._tries = 0
        for path in set(paths) & set(booting):
            times = self._edits.setdefault(path, deque(maxlen=MOST))
            times.append(now)
            self._owed = self._owed or path in self.muted
            if path not in self.muted and len(times) == MOST and now - times[0] < WINDOW:
                self.muted.add(path)
                found.append(path)
                self._owed = True
        return tuple(found)

    def due(self, booting: bool) -> float | None:
        """Return, once nothing boots any more, in how many seconds what is on the disk is to be tried.

        Each try that an edit comes into is followed by a longer pause, and the last one by none.
        """
        if booting or not self._owed or self._tries >= len(PAUSES):
            return None
        self._owed = False
        self._tries += 1
        return PAUSES[self._tries - 1]
