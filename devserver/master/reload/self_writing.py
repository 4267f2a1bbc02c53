"""Detects an app that writes its own source on every start, which would reload for ever: pure.

Law: no save is lost, however quickly the user saves: a muted file is retried once nothing boots.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

MOST = 10
WINDOW = 10.0
"""MOST edits of one file in WINDOW seconds, each while a reload for it boots, are the app's own."""

PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each try of muted files: the number of tries is bounded for an app that writes itself."""


@dataclass(slots=True)
class SelfWriteGuard:
    """Writes to `muted` files during a boot cause no reload; a save at another time still does."""

    muted: set[str] = field(default_factory=set)
    _edits: dict[str, deque[float]] = field(default_factory=dict)
    _owed: bool = False
    """A muted file was written during a boot, so it has to be tried after it."""
    _tries: int = 0
    """Tries since a muted file was last written outside of a boot."""

    def noticed(self, paths: Iterable[str], booting: Iterable[str], now: float) -> tuple[str, ...]:
        """Record an edit of `paths` while reloads for `booting` boot; return the newly muted files."""
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
        """Return in how many seconds to try the files on the disk, once nothing boots; None: not at all.

        After each try during which an edit comes, the pause is longer; after the last pause, there is no try.
        """
        if booting or not self._owed or self._tries >= len(PAUSES):
            return None
        self._owed = False
        self._tries += 1
        return PAUSES[self._tries - 1]
