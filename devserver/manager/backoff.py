"""The pause before the Manager replaces a Worker that died.

Laws: two deaths within the window cause no pause. From the third on, each death doubles the pause, from
`FIRST` to `LONGEST`. A whole window without a death resets it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

FREE = 2
"""Deaths within the window that cause no pause."""
WINDOW = 10.0
FIRST = 0.1
LONGEST = 5.0


@dataclass(slots=True)
class Backoff:
    """The pauses of one generation. Times are seconds of a monotonic clock."""

    pause: float = 0.0
    until: float = float("-inf")
    """No replacement before this time."""
    _deaths: deque[float] = field(default_factory=lambda: deque(maxlen=FREE))

    def died(self, now: float) -> bool:
        """Count a death; return whether the pause has grown."""
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
