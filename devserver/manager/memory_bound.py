"""The bound on memory while older Workers finish what they have in hand: pure.

Laws: no Worker is ended to save memory. While more Workers are leaving than a reload needs, each newer
generation gets one Worker. So beyond the slots, every Worker has a job in hand.
"""

from __future__ import annotations

MOST_LEAVING = 3
"""Leaving Workers up to which every slot is filled; with more slots than that, as many as slots."""
NOTE_AFTER = 1.0
"""Seconds after which empty slots are reported: most Workers exit sooner."""


class MemoryBound:
    """The bound of one generation while it is live. `leaving` is how many older Workers have yet to exit."""

    def __init__(self) -> None:
        self.leaving = 0
        self._note_at: float | None = None
        self._noted = False

    def holds_back(self, serving: int, slots: int) -> bool:
        """Return whether the slots that do not serve yet stay empty for now."""
        return 0 < serving < slots and self.leaving > max(MOST_LEAVING, slots)

    @property
    def deadlines(self) -> list[float]:
        """Return when a report is due, if one is."""
        return [] if self._note_at is None else [self._note_at]

    def note(self, held_back: bool, generation: int, slots: int, now: float) -> str:
        """Return the text to report at `now`, once; "" if nothing is due."""
        if self._note_at is None and held_back and not self._noted:
            self._note_at = now + NOTE_AFTER
        if self._note_at is None or self._note_at > now:
            return ""
        self._note_at = None
        if not held_back:
            return ""
        self._noted = True
        text = f"{self.leaving} workers still finish work that older code has begun"
        return f"{text}: generation {generation} gets 1 of {slots} workers until one of them exits"
