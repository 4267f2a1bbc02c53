"""The life of one Worker as a table, as the Master supervises it.

Law: a Worker is *booting* until the Master accepts it, *serving* until it is ordered to take no more jobs,
*retiring* while it finishes its jobs, *leaving* once it was ordered to exit, *ending* when it is killed
or out of reach. A boot that cannot succeed has *failed*; one is *cancelled* when its generation is tried
again elsewhere. A Worker never returns to an earlier state. A step that the table lacks changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from devserver.common.failure import Frame
from devserver.ipc.messages import BootFailed
from devserver.master.dispatch.worker import Worker

State = Literal["booting", "failed", "cancelled", "serving", "retiring", "leaving", "ending"]
Step = Literal["accept", "fail", "cancel", "retire", "leave", "disconnect", "end"]

TRANSITIONS: dict[tuple[State, Step], State] = {
    ("booting", "accept"): "serving",
    ("booting", "fail"): "failed",
    ("booting", "disconnect"): "failed",  # it can report nothing any more
    ("booting", "cancel"): "cancelled",
    ("failed", "cancel"): "cancelled",
    ("booting", "retire"): "retiring",  # an orphan whose slot has another Worker
    ("serving", "retire"): "retiring",
    ("retiring", "leave"): "leaving",
    ("booting", "end"): "ending",
    ("serving", "end"): "ending",
    ("retiring", "end"): "ending",
    ("serving", "disconnect"): "ending",
    ("retiring", "disconnect"): "ending",
}


@dataclass(slots=True, eq=False)
class WorkerRecord:
    """A Worker: its process, the Manager that has forked it, and what it has reported about its end."""

    process: Worker
    manager: int | None
    """Its number; None once that is dead: the Worker is an orphan."""
    state: State = "booting"
    import_ms: float = 0.0
    failure: BootFailed | None = None
    """Why its boot failed, if it could report that."""
    threads: tuple[tuple[int, str], ...] = ()
    """What its interpreter waits for at its exit, by ident and name."""
    cut_short: tuple[Frame, ...] = ()
    """Where its jobs were when it was killed."""

    def step(self, step: Step) -> bool:
        """Take a step in the table; return whether the state has changed."""
        before, self.state = self.state, TRANSITIONS.get((self.state, step), self.state)
        return self.state != before

    @property
    def id(self) -> int:
        return self.process.id

    @property
    def generation(self) -> int:
        return self.process.generation

    @property
    def orphan(self) -> bool:
        """Return whether its Manager is dead: its pidfd reports its exit."""
        return self.manager is None

    @property
    def booting(self) -> bool:
        """Return whether its generation waits for it to be accepted, or to exit."""
        return self.state in ("booting", "failed")

    @property
    def retired(self) -> bool:
        """Return whether it is exiting or will soon."""
        return self.state in ("retiring", "leaving", "ending")

    @property
    def planned(self) -> bool:
        """Return whether its exit is expected."""
        return self.state in ("leaving", "cancelled") or self.failure is not None
