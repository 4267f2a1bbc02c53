"""Notices an app that writes its own source each time it starts, which would reload for ever: pure.

Law: no save of somebody who is merely quick is lost: what was muted is tried once more when all is quiet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

MOST = 10
WINDOW = 10.0
"""So many edits of one file in so many seconds, each while a reload for that file boots: hardly an author."""


@dataclass(slots=True)
class Runaway:
    """`muted` files reload no more by what is written during a boot; a save at another time still counts."""

    muted: set[str] = field(default_factory=set)
    _edits: dict[str, deque[float]] = field(default_factory=dict)
    _owed: bool = False
    """A muted file was written during a boot, and is to be tried when that is over."""
    _trying: bool = False
    """The boot under way is that try: a write during it is the app's."""

    def noticed(self, paths: Iterable[str], booting: Iterable[str], now: float) -> tuple[str, ...]:
        """Take an edit of `paths` while reloads for `booting` boot; return what is muted from now on."""
        found = []
        for path in set(paths) & set(booting):
            times = self._edits.setdefault(path, deque(maxlen=MOST))
            times.append(now)
            self._owed = self._owed or (path in self.muted and not self._trying)
            if path not in self.muted and len(times) == MOST and now - times[0] < WINDOW:
                self.muted.add(path)
                found.append(path)
                self._owed = True
        return tuple(found)

    def due(self, booting: bool) -> bool:
        """Tell, once, whether nothing boots any more and what is on the disk is to be tried."""
        if booting:
            return False
        self._trying, self._owed = self._owed, False
        return self._trying
