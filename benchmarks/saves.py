"""Saves a file again and again, and takes the time until the new code answers."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

from benchmarks.client import Answer, Keeper, get
from benchmarks.trial import Trial

PATIENCE = 10.0
GAP = 0.002
"""Seconds between requests over new connections, where the old code answers."""


@dataclass
class Saves:
    """What a series of saves has shown; times are in ms."""

    times: list[float] = field(default_factory=list)
    saved: int = 0
    fresh: int = 0
    refused: int = 0
    failed: int = 0
    kept: int = 0
    offered: bool = True

    @property
    def median(self) -> float:
        """Return the median, NaN where no save went live."""
        return statistics.median(self.times) if self.times else float("nan")

    @property
    def longest(self) -> float:
        """Return the maximum, NaN where no save went live."""
        return max(self.times, default=float("nan"))

    def ask(self, port: int, timeout: float, version: int) -> Answer | None:
        """Ask over a new connection; return what came, or count why nothing did."""
        try:
            answer = get(port, timeout=timeout)
        except ConnectionRefusedError:
            self.refused += 1
            return None
        except OSError:
            self.failed += 1
            return None
        self.failed += answer.status >= 500 and answer.version != version
        return answer


def measure(trial: Trial, count: int, budget: float) -> Saves:
    """Save `count` times, or as often as fits in `budget` seconds, at least three times."""
    saves = Saves()
    end = time.monotonic() + budget
    while saves.saved < count and (saves.saved < 3 or time.monotonic() < end):
        trial.rest()
        _save_once(trial, saves)
    return saves


def _save_once(trial: Trial, saves: Saves) -> None:
    keeper = Keeper(trial.port)
    saved = trial.save()
    keeper.begin()
    times = []
    saves.saved += 1
    first = True
    while (left := PATIENCE - (time.perf_counter() - saved)) > 0:
        answer = saves.ask(trial.port, min(left, 4.0), trial.version)
        is_new = answer is not None and answer.version == trial.version
        saves.fresh += first and is_new
        first = False
        if answer is not None and is_new:
            times.append(answer.at)
            break
        time.sleep(GAP)
    keeper.end()
    times += [at for version, at in keeper.first.items() if version == trial.version]
    saves.failed += keeper.failed
    saves.kept += not keeper.cut and not keeper.failed
    saves.offered = keeper.offered
    if times:
        saves.times.append((min(times) - saved) * 1000)
    else:
        trial.restart(f"no new code within {PATIENCE:g} s of a save")
