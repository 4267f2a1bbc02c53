"""Whether a Manager still answers while something is expected of it: pure, one tick a second.

Law: a Manager is not asked while nothing is due, so an idle server costs nothing. Time is counted in ticks,
for a machine that slept, or a Master that was stopped, must not count as silence of the Manager's.
"""

from __future__ import annotations

TICK = 1.0
"""Seconds."""
PATIENCE = 5
"""Ticks without an answer after which a Manager counts as hung."""
FIRST_PATIENCE = 30
"""Before its first answer: its interpreter has to start."""
PAUSE = 2
"""Ticks after an answer until it is asked again, if something is still due."""


class Heartbeat:
    """`expect` when an order was sent, `tick` each second while `awake`, `answered` when it has answered."""

    def __init__(self) -> None:
        self.hung = False
        self._pending = False
        self._ticks = 0
        self._patience = FIRST_PATIENCE

    @property
    def awake(self) -> bool:
        """Return whether it needs ticks."""
        return not self.hung and (self._pending or self._ticks > 0)

    def on_message(self) -> None:
        """It has sent anything at all, so its interpreter runs."""
        self._patience = PATIENCE

    def expect(self) -> bool:
        """Return whether to ask it, because something is due."""
        if self._pending or self.hung:
            return False
        self._pending, self._ticks = True, 0
        return True

    def on_answered(self) -> None:
        """Note that it has answered."""
        self._pending, self._ticks = False, PAUSE

    def tick(self, due: bool) -> bool:
        """Count a second; return whether to ask. `due`: something is still expected."""
        if self._pending:
            self._ticks += 1
            self.hung = self._ticks >= self._patience
            return False
        self._ticks = max(self._ticks - 1, 0)
        return not self._ticks and due and self.expect()
