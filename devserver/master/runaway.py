"""Notices an app that writes its own source each time it starts, which would reload for ever: pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

MOST = 10
WINDOW = 10.0
"""So many edits of one file in so many seconds, each while a reload for that file boots: no author does."""


@dataclass(slots=True)
class Runaway:
    """`muted` files reload no more by what is written during a boot; an author's own save still counts."""

    muted: set[str] = field(default_factory=set)
    _edits: dict[str, deque[float]] = field(default_factory=dict)

    def noticed(self, paths: Iterable[str], booting: Iterable[str], now: float) -> tuple[str, ...]:
        """Take an edit of `paths` while reloads for `booting` boot; return what is muted from now on."""
        found = []
        for path in set(paths) & set(booting):
            times = self._edits.setdefault(path, deque(maxlen=MOST))
            times.append(now)
            if path not in self.muted and len(times) == MOST and now - times[0] < WINDOW:
                self.muted.add(path)
                found.append(path)
        return tuple(found)
