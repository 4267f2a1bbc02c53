"""Measures the steps of a reload, from noticing the save to live: pure, on a given clock."""

from __future__ import annotations

from dataclasses import dataclass, field

Steps = dict[str, float]
"""Name → ms, in the order in which they happen."""


@dataclass(slots=True)
class _Reload:
    began: float
    steps: Steps


@dataclass(slots=True)
class Timings:
    """The reloads under way. Times are seconds on one monotonic clock, steps are ms."""

    _noticed: dict[int, float] = field(default_factory=dict)
    _reloads: dict[int, _Reload] = field(default_factory=dict)

    def noticed(self, edit: int, now: float) -> None:
        """Start the clock of an edit."""
        self._noticed[edit] = now

    def boot(self, generation: int, edit: int, checked: Steps, now: float) -> None:
        """Note the boot of a generation. Without `checked` steps no save caused it: its clock starts now."""
        began = self._noticed.get(edit, now) if checked else now
        self._reloads[generation] = _Reload(began, dict(checked))

    def step(self, generation: int, steps: Steps) -> None:
        """Add the steps of a generation's first Worker."""
        if reload := self._reloads.get(generation):
            reload.steps |= steps

    def live(self, generation: int, edit: int, now: float) -> tuple[Steps, float]:
        """Return steps and total; the time outside the other steps is `live`. Older clocks are dropped."""
        reload = self._reloads.pop(generation, _Reload(now, {}))
        self._noticed = {other: at for other, at in self._noticed.items() if other > edit}
        self._reloads = {other: r for other, r in self._reloads.items() if other > generation}
        total = (now - reload.began) * 1000
        known = {name: round(ms, 2) for name, ms in reload.steps.items()}
        return {**known, "live": round(max(0.0, total - sum(known.values())), 2)}, round(total, 2)
