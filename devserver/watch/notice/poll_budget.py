"""Chooses which files to poll where the system reports no changes, at a bounded cost: pure."""

from __future__ import annotations

MOST = 500
"""Files in one poll; the others follow in the next ones."""
EVERY = 0.02
"""Least seconds from one poll to the next."""


class PollBudget:
    """Goes round `files`, a part of them at each poll."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self._next = 0
        self._last = float("-inf")

    def due(self, now: float) -> list[str]:
        """Return the files to poll now, none if the last poll was a moment ago."""
        if now - self._last < EVERY or not self.files:
            return []
        self._last = now
        start = self._next % len(self.files)
        chosen = self.files[start : start + MOST]
        self._next = start + len(chosen)
        return chosen
