"""Which slot of the live generation gets a Worker next, and when: pure, as the fleet is.

Laws:
- The slots of the live generation are filled one boot at a time, slots without a serving Worker first.
- A Worker that dies is replaced, after a pause if deaths repeat.
- While many Workers are retiring, new code gets one Worker: this bounds memory.
- While every Worker stands at a prompt, there is a spare one.
"""

from __future__ import annotations

from devserver.ipc.messages import Configure, ManagerNotice, RollDone
from devserver.manager.backoff import Backoff
from devserver.manager.candidates import FIRST_SLOT, Candidates
from devserver.manager.child_table import ChildTable
from devserver.manager.fork_orders import ForkOrders
from devserver.manager.memory_bound import MemoryBound
from devserver.manager.states import Child

SLOTS_OF_APP, SLOTS_OF_HANDLERS = 1, 2
"""One for an app, which keeps state in memory; two for handlers, so that one may block."""


class Slots:
    """Orders forks for the slots, in commands that the table collects."""

    def __init__(
        self, settings: Configure, table: ChildTable, forks: ForkOrders, candidates: Candidates
    ) -> None:
        self._settings = settings
        self._table = table
        self._forks = forks
        self._candidates = candidates
        self._count = settings.slots or SLOTS_OF_APP
        self._live = 0
        self._pace = Backoff()
        self._held_back = False
        self._rolled = False
        self._bound = MemoryBound()

    @property
    def deadlines(self) -> list[float]:
        """Return when the pause ends that holds a fork back, and when a report is due."""
        return [*([self._pace.until] if self._held_back else []), *self._bound.deadlines]

    def on_live(self, generation: int) -> None:
        """A generation is live: its Workers start without a pause."""
        self._live = generation
        self._pace, self._rolled, self._bound = Backoff(), False, MemoryBound()

    def on_kind(self, *, app: bool) -> None:
        """The live code is an app, or has handlers only: so many slots, unless the user has chosen."""
        if not self._settings.slots:
            self._count = SLOTS_OF_APP if app else SLOTS_OF_HANDLERS

    def on_death(self, child: Child) -> None:
        """A Worker of the live generation has died: the next one waits if deaths repeat."""
        if self._pace.died(self._table.now):
            text = f"Workers of generation {child.generation} keep dying"
            self._table.send(
                ManagerNotice("warning", f"{text}: the next one starts in {self._pace.pause:g} s")
            )
        elif not child.accepted and not self._pace.pause:
            text = f"Worker {child.worker} did not boot: slot {child.slot} is tried again"
            self._table.send(ManagerNotice("warning", text))

    def fill(self) -> None:
        """Fork a Worker for the next slot that lacks one of the live generation, or report RollDone."""
        self._held_back = False
        current = [child for child in self._table if child.generation == self._live]
        if not self._live or any(not child.accepted for child in current):
            return
        serving = [child for child in current if child.state == "serving"]
        self._relieve_blocked(serving)
        served = {child.slot for child in serving}
        missing = [slot for slot in range(FIRST_SLOT, self._count + 1) if slot not in served]
        if missing and self._forks.awaits_image(self._live):
            return
        if missing and not self._must_wait() and not self._is_crowded():
            busy = {child.slot for child in self._table if child.state == "serving"}
            self._fork(min(missing, key=lambda slot: (slot in busy, slot)))
        elif not missing and not self._rolled:
            self._rolled = True
            self._table.send(RollDone(self._live))

    def report_crowd(self) -> None:
        """Report slots that stay empty because many Workers are leaving, if that is due."""
        text = self._bound.note(self._is_crowded(), self._live, self._count, self._table.now)
        if text:
            self._table.send(ManagerNotice("info", text))

    def _fork(self, slot: int) -> Child:
        return self._forks.fork(slot, self._live, self._live)

    def _is_crowded(self) -> bool:
        """Return whether so many Workers are leaving that new code gets one. In a debugger none counts."""
        self._bound.leaving = sum(
            child.state == "retiring" or (child.state == "serving" and child.generation < self._live)
            for child in self._table
            if child.paused_at is None
        )
        serving = sum(child.generation == self._live and child.state == "serving" for child in self._table)
        return self._bound.holds_back(serving, self._count)

    def _relieve_blocked(self, serving: list[Child]) -> None:
        """Start a spare Worker while all others stand at a prompt; retire it once one of them goes on."""
        free = [child for child in serving if not child.blocked]
        if serving and not free and not self._candidates.exclusive and not self._must_wait():
            self._fork(serving[0].slot).spare = True
        elif any(not child.spare for child in free):
            for child in serving:
                if child.spare and not child.blocked:
                    self._table.retire(child, self._settings.drain)

    def _must_wait(self) -> bool:
        """Return whether a Worker of the live code must wait: for others to exit, or for the pause to end."""
        if self._candidates.any_exclusive:
            return True
        leaving = any(child.state in ("retiring", "ending") for child in self._table)
        if self._candidates.exclusive and (leaving or self._table.leftovers):
            return True
        self._held_back = self._pace.until > self._table.now
        return self._held_back
