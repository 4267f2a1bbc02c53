"""How long to wait before a Worker that died is replaced: not at all, unless they keep dying.

Law: two deaths cost nothing; from the third within the window on, the pause doubles from `FIRST` to `LONGEST`
with each death, until none has happened for a whole window.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

FREE = 2
"""Deaths within the window that are followed by no pause."""
WINDOW = 10.0
FIRST = 0.1
LONGEST = 5.0


@dataclass(slots=True)
class Backoff:
    """The pauses of one generation. Seconds on any clock that only grows."""

    pause: float = 0.0
    until: float = float("-inf")
    """No replacement before this time."""
    _deaths: deque[float] = field(default_factory=lambda: deque(maxlen=FREE))

    def died(self, now: float) -> bool:
        """Count a death; return True if the pause is longer than it was before."""
        before = self.pause
        if now - self.until > WINDOW:
            self.pause = 0.0
        if self.pause:
            self.pause = min(self.pause * 2, LONGEST)
        elif len(self._deaths) == FREE and now - self._deaths[0] <= WINDOW:
            self.pause = FIRST
        self._deaths.append(now)
        self.until = now + self.pause
        return self.pause > before
