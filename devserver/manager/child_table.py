"""The Manager's table of Workers: their numbers, their states and their time limits.

Laws: a number is never used twice. A reaped Worker is removed from the table. Its process group stays in the
table until no process of it is left. The fleet decides which Workers are forked or ended.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

from devserver.common.errors import IllegalEvent
from devserver.ipc.messages import FromManager, Retire, WorkerForked, WorkerGone
from devserver.manager.protocol import Command, DumpStack, Forked, ReadStack, SendToMaster, Signal
from devserver.manager.states import ENDINGS, LEFTOVERS, Act, Child, Escalation, Plan, Verdict

SIGNALS: dict[Act, tuple[int, bool]] = {
    "terminate": (signal.SIGTERM, False),
    "terminate group": (signal.SIGTERM, True),
    "probe": (0, True),
    "kill": (signal.SIGKILL, True),
}


class ChildTable:
    """Turns decisions about single Workers into commands, which it collects in `out`."""

    def __init__(self, first_worker: int) -> None:
        self.now = 0.0
        self.out: list[Command] = []
        self.by_number: dict[int, Child] = {}
        self.leftovers: dict[int, Plan] = {}
        """Process groups of reaped Workers, each with the plan that ends it."""
        self._next_worker = first_worker

    def __iter__(self) -> Iterator[Child]:
        return iter(self.by_number.values())

    @property
    def deadlines(self) -> list[float]:
        """Return when the next step of each plan is due."""
        moments = [child.deadline for child in self]
        moments += [plan.deadline for plan in self.leftovers.values()]
        return [moment for moment in moments if moment is not None]

    def find(self, worker: int) -> Child | None:
        """Return a Worker, None if it was reaped. Raises IllegalEvent if the number is not in use yet."""
        if worker >= self._next_worker:
            raise IllegalEvent(f"there was no Worker {worker} yet")
        return self.by_number.get(worker)

    def existing(self, worker: int) -> Child:
        """Return a Worker. Raises IllegalEvent if it was reaped."""
        child = self.find(worker)
        if child is None:
            raise IllegalEvent(f"Worker {worker} has left")
        return child

    def unborn(self, worker: int) -> Child:
        """Return a Worker that has no process yet. Raises IllegalEvent if it has one."""
        child = self.existing(worker)
        if child.pid:
            raise IllegalEvent(f"Worker {worker} is process {child.pid} already")
        return child

    def number(self) -> int:
        """Take the next number."""
        self._next_worker += 1
        return self._next_worker - 1

    def send(self, message: FromManager) -> None:
        """Send a message to the Master."""
        self.out.append(SendToMaster(message))

    def fork(self, slot: int, generation: int, timetable: Escalation) -> Child:
        """Add a Worker that has yet to be forked, and start its timetable."""
        worker = self.number()
        self.by_number[worker] = Child(worker, slot, generation, Plan.start(timetable, self.now))
        return self.by_number[worker]

    def forked(self, child: Child, forked: Forked, why: str) -> None:
        """Record the process of a Worker. If the Worker is already ending, end it now."""
        child.pid = forked.pid
        self.send(
            WorkerForked(
                child.worker,
                child.slot,
                child.generation,
                forked.pid,
                forked.fork_ms,
                forked.way,
                forked.functions,
                forked.constants,
                why,
            )
        )
        if child.state == "ending":
            child.start(ENDINGS["dropped"], self.now)

    def retire(self, child: Child, drain: float) -> None:
        """Order a Worker to drain, for at most `drain` seconds."""
        child.step("retire")
        self.limit(child, drain)
        self.send(Retire(child.worker))

    def limit(self, child: Child, drain: float) -> None:
        """Start the drain limit of a Worker, unless a plan is running."""
        if not child.plan.steps:
            child.start(((drain, "limit"),), self.now)

    def end(self, child: Child, verdict: Verdict, timetable: Escalation = ()) -> None:
        """End a Worker by `timetable`, else by the one that belongs to its verdict."""
        child.step("end")
        child.verdict = child.verdict or verdict
        child.paused_at = None
        child.start(timetable or ENDINGS[verdict], self.now)

    def exited(self, child: Child, status: int, leftovers: Escalation = LEFTOVERS) -> None:
        """Remove a Worker that was reaped or never forked, and report it."""
        child.step("exit")
        del self.by_number[child.worker]
        if child.pid:
            self.leftovers[child.worker] = Plan.start(leftovers, self.now)
        self.send(
            WorkerGone(
                child.worker,
                child.slot,
                child.generation,
                child.pid,
                status,
                stack=child.stack,
                verdict=child.verdict,
            )
        )

    def group_gone(self, worker: int) -> None:
        """Forget the process group of a reaped Worker. Raises IllegalEvent if it is not known."""
        if self.leftovers.pop(worker, None) is None:
            raise IllegalEvent(f"Worker {worker} has left no group behind")

    def run_plans(self, limit: Verdict | None) -> None:
        """Carry out the steps that are due.

        A Worker that reaches its limit is ended. Its verdict is `limit`, else it follows from its state.
        """
        for child in self:
            for act in child.due(self.now):
                if act == "limit":
                    self.end(child, limit or ("boot timeout" if child.state == "booting" else child.limit))
                else:
                    self._act(child.worker, act)
        for worker, plan in self.leftovers.items():
            for act in plan.due(self.now):
                self._act(worker, act)

    def _act(self, worker: int, act: Act) -> None:
        if act == "dump":
            self.out.append(DumpStack(worker))
        elif act == "read":
            self.out.append(ReadStack(worker))
        else:
            self.out.append(Signal(worker, *SIGNALS[act]))
