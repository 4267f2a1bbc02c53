"""The life of one Worker as a table, and its time limits.

Laws: a Worker is *booting* until the Master accepts it, and *serving* until it is ordered to drain. It is
*retiring* while it drains, *ending* while it is terminated or killed, and *gone* once it was reaped. It never
returns to an earlier state. A step that the table lacks raises IllegalEvent and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from devserver.common.errors import IllegalEvent

State = Literal["booting", "serving", "retiring", "ending", "gone"]
Step = Literal["ready", "retire", "end", "exit"]

TRANSITIONS: dict[tuple[State, Step], State] = {
    ("booting", "ready"): "serving",
    ("booting", "end"): "ending",
    ("booting", "exit"): "gone",
    ("serving", "retire"): "retiring",
    ("serving", "end"): "ending",
    ("serving", "exit"): "gone",
    ("retiring", "end"): "ending",
    ("retiring", "exit"): "gone",
    ("ending", "ready"): "ending",  # the Master accepted it while it was being killed
    ("ending", "end"): "ending",  # more harshly than before
    ("ending", "exit"): "gone",
}

Act = Literal["dump", "read", "limit", "terminate", "terminate group", "probe", "kill"]
Escalation = tuple[tuple[float, Act], ...]
"""Steps in order: seconds from now, and what is due then."""

Verdict = Literal["boot timeout", "drain limit", "stop timeout", "dropped", "stop deadline"]

READ_AFTER = 0.2
"""Seconds that a signal handler gets to write a dump."""

LOOKS = (2.0, *(5.0 * 2**power for power in range(10)))
"""Seconds of a boot after which it is reported where it stands."""

NOTE: Escalation = tuple(step for after in LOOKS for step in ((after, "dump"), (after + READ_AFTER, "read")))
"""Report a slow boot."""

_WITH_STACK: Escalation = (
    (0.0, "dump"),
    (READ_AFTER, "read"),
    (READ_AFTER, "terminate"),
    (READ_AFTER + 1.0, "kill"),
)

ENDINGS: dict[Verdict, Escalation] = {
    "boot timeout": ((0.0, "dump"), (READ_AFTER, "read"), (READ_AFTER, "kill")),
    "drain limit": _WITH_STACK,
    "stop timeout": _WITH_STACK,
    "dropped": ((0.0, "terminate"), (0.5, "kill")),
    "stop deadline": ((0.0, "terminate"), (1.0, "kill")),
}

AT_ONCE: Escalation = ((0.0, "kill"),)

LEFTOVERS: Escalation = (
    (0.0, "terminate group"),
    (0.1, "probe"),
    (0.3, "probe"),
    (0.6, "probe"),
    (1.0, "kill"),
)
"""For processes that a Worker leaves in its process group, such as a process pool."""


@dataclass(slots=True)
class Plan:
    """A timetable that has been started: steps, and when each is due."""

    steps: list[tuple[float, Act]] = field(default_factory=list)

    @classmethod
    def start(cls, timetable: Escalation, now: float) -> Plan:
        """Count from `now`."""
        return cls([(now + after, act) for after, act in timetable])

    @property
    def deadline(self) -> float | None:
        """Return when the next step is due."""
        return self.steps[0][0] if self.steps else None

    def due(self, now: float) -> Iterator[Act]:
        """Yield the steps that are due, and remove each."""
        while self.steps and self.steps[0][0] <= now:
            yield self.steps.pop(0)[1]

    def shift(self, seconds: float) -> None:
        """Postpone every step."""
        self.steps = [(at + seconds, act) for at, act in self.steps]


@dataclass(slots=True)
class Child:
    """A Worker as the fleet sees it. In a debugger its clock has stood still since `paused_at`."""

    worker: int
    slot: int
    generation: int
    plan: Plan
    state: State = "booting"
    pid: int = 0
    accepted: bool = False
    paused_at: float | None = None
    blocked: bool = False
    """It stands at a prompt, and may do nothing else."""
    spare: bool = False
    """It was started because all others were blocked."""
    limit: Verdict = "drain limit"
    """The verdict if it reaches its limit after it has booted."""
    verdict: str = ""
    stack: str = ""
    looks: int = 0
    """How often it was looked where its boot stands."""

    def step(self, step: Step) -> None:
        """Change the state as the table orders. Raises IllegalEvent."""
        try:
            self.state = TRANSITIONS[self.state, step]
        except KeyError:
            raise IllegalEvent(f"Worker {self.worker} is {self.state}: {step} is out of order") from None

    @property
    def deadline(self) -> float | None:
        """Return when the next step of its plan is due."""
        return self.plan.deadline if self.paused_at is None else None

    def due(self, now: float) -> Iterator[Act]:
        """Yield the steps that are due, and remove each; the caller may replace the plan meanwhile."""
        while (deadline := self.deadline) is not None and deadline <= now:
            yield self.plan.steps.pop(0)[1]

    def start(self, timetable: Escalation, now: float) -> None:
        """Start a plan; in a debugger its clock starts when the debugger lets go."""
        self.plan = Plan.start(timetable, now)
        self.paused_at = None if self.paused_at is None else now

    def pause(self, now: float) -> None:
        """Stop its clock."""
        self.paused_at = now if self.paused_at is None else self.paused_at

    def resume(self, now: float) -> None:
        """Let its clock go on from where it stopped."""
        if self.paused_at is not None:
            self.plan.shift(now - self.paused_at)
            self.paused_at = None
