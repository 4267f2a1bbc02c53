"""The Manager's decisions: events in, commands out. It has no clock, no process and no descriptor.

`slots` fills the slots of the live generation, `candidates` boots what is tried, `fork_orders` orders each
fork, `child_table` has each Worker and its time limits. Each of these knows only those after it.

Laws:
- No Worker is started for a generation older than the live one.
- A Worker of older code is retired when it is idle. It is ended at its limit, never sooner.
- An event that the state does not allow raises IllegalEvent and changes nothing.
- An order about a Worker that was reaped meanwhile is late, and is ignored.
"""

from __future__ import annotations

from typing import assert_never

from devserver.common import thread_dump
from devserver.common.errors import IllegalEvent
from devserver.ipc.messages import (
    BootDone,
    Configure,
    DebuggerState,
    Drop,
    LeaveWithin,
    Loaded,
    Reload,
    StandDown,
    StillBooting,
    Stop,
    WorkerIdle,
)
from devserver.manager.candidates import Candidates
from devserver.manager.child_table import ChildTable
from devserver.manager.fork_orders import ForkOrders
from devserver.manager.protocol import (
    Command,
    CopyFailed,
    Elapsed,
    Event,
    Exited,
    Fact,
    Forked,
    ForkFailed,
    GroupGone,
    ImageCame,
    ImageGone,
    Order,
    StackRead,
)
from devserver.manager.slots import Slots
from devserver.manager.states import AT_ONCE, LEFTOVERS, LOOKS, Child, Plan

EXIT_FAILURE = 1 << 8
"""The status of `exit(1)`, as os.waitpid returns it."""


class Fleet:
    """The Workers of one Manager. `live` is the live generation, 0 before there is one.

    `ahead`: processes of next Workers may be forked ahead.
    """

    def __init__(self, configure: Configure, *, ahead: bool = False) -> None:
        self.live = 0
        self._settings = configure
        self._table = table = ChildTable(configure.first_worker)
        self._forks = forks = ForkOrders(configure, table, ahead=ahead)
        self._candidates = candidates = Candidates(table, forks)
        self._slots = Slots(configure, table, forks, candidates)
        self.snapshots = forks.snapshots
        self._relieved = False
        """Another Manager has taken over: it starts all further Workers."""
        self._stop_at = float("inf")

    @property
    def deadline(self) -> float | None:
        """Return when the next event (Elapsed, if there is no other) is due at the latest."""
        waiting = [] if self.leaves else [self.live, *self._candidates.waiting]
        moments = self._table.deadlines + self._forks.deadlines(waiting)
        if not self.leaves:
            moments += self._slots.deadlines + self._forks.rests
        return min(moments, default=None)

    @property
    def done(self) -> bool:
        """Return whether the Manager may exit: it was ordered to, and no process is left."""
        return self.leaves and not self._table.by_number and not self._table.leftovers

    @property
    def leaves(self) -> bool:
        """Return whether it starts no further Worker."""
        return self._stopping or self._relieved

    @property
    def _stopping(self) -> bool:
        return self._stop_at < float("inf")

    def handle(self, event: Event, now: float) -> list[Command]:
        """Return the commands that follow from `event`, which happened at `now` (monotonic seconds)."""
        table = self._table
        table.now, table.out = now, []
        if isinstance(event, Fact):
            self._note(event)
        else:
            self._obey(event)
        needed = () if self.leaves else (self.live, *self._candidates.tried)
        self._remove(self._forks.end_images(needed))
        self._candidates.launch(self.live)
        table.run_plans("stop deadline" if self._stopping else None)
        if not self.leaves:
            self._slots.fill()
            self._forks.use_rest(self.live)
            self._slots.report_crowd()
        return table.out

    # What the Master orders

    def _obey(self, order: Order) -> None:
        match order:
            case Reload():
                self._reload(order)
            case Drop(generation):
                self._drop(generation)
            case Loaded():
                self._forks.loaded(order, self.live)
            case BootDone():
                self._ready(order)
            case WorkerIdle(worker):
                child = self._table.find(worker)
                if child and child.state == "serving" and child.generation < self.live:
                    self._table.retire(child, self._settings.drain)
            case LeaveWithin():
                self._leave_within(order)
            case DebuggerState():
                self._debugging(order)
            case StandDown():
                self._relieved = True
                self._make_way()
            case Stop(deadline):
                self._stop(deadline)
            case _:
                assert_never(order)

    def _reload(self, order: Reload) -> None:
        if self.leaves:
            raise IllegalEvent(f"generation {order.generation} was ordered of a Manager that leaves")
        self._candidates.check(order)
        self._forks.ordered(order, self.live)
        self._candidates.ordered(order)
        if order.live:
            self._go_live(order.generation)
            return
        if order.handover == "exclusive":
            self._make_way()
        self._candidates.add(order.generation)

    def _make_way(self) -> None:
        """Make every Worker leave: before an exclusive candidate, or for good."""
        self._candidates.drop_all()
        for child in self._table:
            if child.state == "booting":
                self._table.end(child, "dropped")
            elif child.state == "serving":
                self._table.retire(child, self._settings.drain)

    def _drop(self, generation: int) -> None:
        if generation == self.live or generation > self._candidates.newest:
            raise IllegalEvent(f"generation {generation} is no candidate")
        self._candidates.drop(generation)

    def _ready(self, order: BootDone) -> None:
        child = self._table.find(order.worker)
        if order.generation > self._candidates.newest or (child and child.generation != order.generation):
            raise IllegalEvent(f"Worker {order.worker} is not of generation {order.generation}")
        if child:
            child.step("ready")
            child.accepted = True
            if child.state == "serving":
                child.plan = Plan()
            self._forks.accepted(child)
        # The Master's decision counts, even if the Worker has died since. A dropped candidate may be late.
        late = self._candidates.is_dropped(order.generation) or self._stopping
        if order.generation > self.live and not late:
            self._go_live(order.generation)
        if order.generation == self.live:
            self._slots.on_kind(app=bool(order.app))

    def _go_live(self, generation: int) -> None:
        self.live = generation
        self._slots.on_live(generation)
        self._candidates.on_live(generation)
        self._forks.on_live(generation)
        for child in self._table:
            if child.generation < generation and child.state == "booting":
                self._table.end(child, "dropped")
            elif child.generation < generation and child.state == "serving":
                self._table.limit(child, self._settings.drain)
        self.snapshots.forget(below=generation)

    def _debugging(self, order: DebuggerState) -> None:
        child = self._table.find(order.worker)
        if child is None or child.state == "ending" or self._stopping:
            return
        if order.active:
            child.pause(self._table.now)
            child.blocked = child.blocked or order.blocks
        else:
            child.resume(self._table.now)
            child.blocked = False

    def _leave_within(self, order: LeaveWithin) -> None:
        child = self._table.find(order.worker)
        if child and child.state == "retiring" and not self._stopping:
            child.limit = "stop timeout" if order.held else "drain limit"
            child.start(((order.seconds, "limit"),), self._table.now)

    def _stop(self, deadline: float) -> None:
        """Start no further Worker, and let those that run drain until the deadline."""
        now = self._table.now
        self._stop_at = min(now + deadline, self._stop_at)
        self._make_way()
        for child in self._table:
            if deadline <= 0:
                self._table.end(child, "stop deadline", AT_ONCE)
            elif child.state == "retiring":
                child.paused_at = None
                child.plan = Plan([(self._stop_at, "limit")])
        if deadline <= 0:
            self._table.leftovers = {worker: Plan.start(AT_ONCE, now) for worker in self._table.leftovers}

    # What the kernel and the images report

    def _note(self, fact: Fact) -> None:
        table = self._table
        match fact:
            case Forked(worker):
                self._forks.forked(table.unborn(worker), fact)
            case ForkFailed(worker, reason):
                child = table.unborn(worker)
                child.verdict = f"fork failed: {reason}"
                self._forks.failed(child)
                self._exited(child, EXIT_FAILURE)
            case ImageCame():
                self._forks.image_came(fact)
            case ImageGone(worker, reason, own_ms):
                self._forks.imported(own_ms)
                self._remove(self._forks.image_gone(worker, reason))
                self._forks.report_no_image(reason)
            case CopyFailed(worker, reason):
                self._remove(self._forks.copy_failed(table.unborn(worker), reason))
            case Exited(worker, status):
                self._exited(table.existing(worker), status)
            case StackRead(worker, text):
                self._stack_read(table.existing(worker), text)
            case GroupGone(worker):
                table.group_gone(worker)
            case Elapsed():
                pass
            case _:
                assert_never(fact)

    def _remove(self, children: list[Child]) -> None:
        """Remove Workers that will have no process."""
        for child in children:
            self._exited(child, 0)

    def _exited(self, child: Child, status: int) -> None:
        unasked = child.state in ("booting", "serving") or child.verdict == "boot timeout"
        self._table.exited(child, status, AT_ONCE if self._stop_at <= self._table.now else LEFTOVERS)
        self._remove(self._forks.exited(child))
        was_candidate = self._candidates.on_exited(child)
        if unasked and child.generation == self.live and not (was_candidate or self.leaves):
            self._slots.on_death(child)

    def _stack_read(self, child: Child, text: str) -> None:
        if child.state == "booting":
            self._note_slow_boot(child, text)
        else:
            child.stack = text

    def _note_slow_boot(self, child: Child, dump: str) -> None:
        """Report where the boot stands."""
        seconds, child.looks = LOOKS[child.looks], child.looks + 1
        module, frame = thread_dump.importing(dump)
        path, line = (frame.path, frame.line) if frame else ("", 0)
        self._table.send(StillBooting(child.worker, child.generation, seconds, module, path, line))
