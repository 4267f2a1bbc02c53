"""How long each step of a reload took, from the notice of the save to live."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Timeline:
    """Steps in ms, by the field's order; `began` is when the edit was noticed, on the monotonic clock."""

    began: float
    steps: dict[str, float] = field(default_factory=dict)

    def closed(self, now: float) -> tuple[dict[str, float], float]:
        """Return the steps and the total; what no other step accounts for is `live`."""
        total = (now - self.began) * 1000
        known = {name: round(ms, 2) for name, ms in self.steps.items()}
        return {**known, "live": round(max(0.0, total - sum(known.values())), 2)}, round(total, 2)
