"""The Manager's decisions: events in, commands out. It has no clock, no process and no descriptor.

Laws:
- A candidate boots beside the Workers that serve. With an exclusive handover it boots after they have exited.
- No Worker is started for a generation older than the live one.
- The slots of the live generation are filled one boot at a time, slots without a serving Worker first.
- A Worker of older code is retired when it is idle. It is ended at its limit, never sooner.
- A Worker that dies is replaced.
- While many Workers are retiring, new code gets one Worker: this bounds memory.
- An event that the state does not allow raises IllegalEvent and changes nothing.
- An order about a Worker that was reaped meanwhile is late, and is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from devserver.common import thread_dump
from devserver.common.errors import IllegalEvent
from devserver.ipc.messages import (
    LEFT,
    BootDone,
    Configure,
    DebuggerState,
    Drop,
    LeaveWithin,
    Loaded,
    ManagerNotice,
    Reload,
    RollDone,
    StandDown,
    StillBooting,
    Stop,
    WorkerGone,
    WorkerIdle,
)
from devserver.manager.backoff import Backoff
from devserver.manager.child_table import ChildTable
from devserver.manager.images import HANGS_AFTER, OVERDUE, Images, differences
from devserver.manager.memory_bound import MemoryBound
from devserver.manager.protocol import (
    Command,
    CopyFailed,
    Elapsed,
    EndImage,
    Event,
    Exited,
    Fact,
    Fork,
    Forked,
    ForkFailed,
    GroupGone,
    ImageCame,
    ImageGone,
    Order,
    StackRead,
    TellImage,
)
from devserver.manager.snapshots import Snapshots
from devserver.manager.states import AT_ONCE, LEFTOVERS, LOOKS, NOTE, Child, Escalation, Plan

MOST_CANDIDATES = 2
FIRST_SLOT = 1
SLOTS_OF_APP, SLOTS_OF_HANDLERS = 1, 2
"""One for an app, which keeps state in memory; two for handlers, so that one may block."""
EXIT_FAILURE = 1 << 8
"""The status of `exit(1)`, as os.waitpid returns it."""


@dataclass(slots=True)
class Candidate:
    """A generation that is being tried. `worker` is 0 until its first Worker is forked."""

    generation: int
    exclusive: bool
    worker: int = 0


class Fleet:
    """The Workers of one Manager. `live` is the live generation, 0 before there is one."""

    def __init__(self, configure: Configure) -> None:
        self.live = 0
        self.snapshots = Snapshots()
        self._settings = configure
        self._slots = configure.slots or SLOTS_OF_APP
        self._table = ChildTable(configure.first_worker)
        self._candidates: dict[int, Candidate] = {}
        self._dropped: set[int] = set()
        self._newest = 0
        self._exclusive = False
        self._pace = Backoff()
        self._held_back = False
        self._rolled = False
        self._crowd = MemoryBound()
        self._images = Images()
        self._copying: dict[int, tuple[int, float]] = {}
        """Worker → the image that forks it, and the time from which that image counts as hung."""
        self._elsewhere: set[int] = set()
        """Generations that another Manager boots faster than this one."""
        self._no_image = ""
        """The last reported reason for a missing image."""
        self._relieved = False
        """Another Manager has taken over: it starts all further Workers."""
        self._stop_at = float("inf")

    @property
    def deadline(self) -> float | None:
        """Return when the next event (Elapsed, if there is no other) is due at the latest."""
        others = [self._pace.until] if self._held_back else []
        others += [hangs for _image, hangs in self._copying.values()]
        if not self._leaves:
            waiting = (self.live, *(each.generation for each in self._candidates.values() if not each.worker))
            moments = map(self._images.awaited_until, waiting)
            others += [moment for moment in moments if moment is not None and moment > self._table.now]
        if not self._leaves:
            others += self._crowd.deadlines
        return min(self._table.deadlines + others, default=None)

    @property
    def done(self) -> bool:
        """Return whether the Manager may exit: it was ordered to, and no process is left."""
        return self._leaves and not self._table.by_number and not self._table.leftovers

    @property
    def _leaves(self) -> bool:
        return self._stopping or self._relieved

    def handle(self, event: Event, now: float) -> list[Command]:
        """Return the commands that follow from `event`, which happened at `now` (monotonic seconds)."""
        table = self._table
        table.now, table.out = now, []
        if isinstance(event, Fact):
            self._note(event)
        else:
            self._obey(event)
        self._end_images()
        self._launch()
        table.run_plans("stop deadline" if self._stopping else None)
        self._fill()
        if not self._leaves and (text := self._crowd.note(self._crowded, self.live, self._slots, now)):
            table.tell(ManagerNotice("info", text))
        return table.out

    # What the Master orders

    def _obey(self, order: Order) -> None:
        match order:
            case Reload():
                self._reload(order)
            case Drop(generation):
                self._drop_asked(generation)
            case Loaded():
                self.snapshots.loaded(order.generation, order.source)
                for image in self._images.loaded(order.generation, order.source):
                    self._table.out.append(TellImage(image, order.source))
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
        exclusive = order.handover == "exclusive"
        if self._stopping or self._relieved:
            raise IllegalEvent(f"generation {order.generation} was ordered of a Manager that leaves")
        if order.generation <= self._newest:
            raise IllegalEvent(f"generation {order.generation} follows {self._newest}")
        if len(self._candidates) >= MOST_CANDIDATES and not (exclusive or order.live):
            raise IllegalEvent(f"generation {order.generation} is one candidate too many")
        self.snapshots.add(order.generation, order.base, order.changes)
        self._newest = order.generation
        self._images.ordered(order.generation, order.base, order.cold)
        if order.elsewhere:
            self._elsewhere.add(order.generation)
        self._exclusive = exclusive
        if order.live:
            self._go_live(order.generation)
            return
        if exclusive:
            self._make_way()
        self._candidates[order.generation] = Candidate(order.generation, exclusive)

    def _make_way(self) -> None:
        """Make every Worker leave: before an exclusive candidate, or for good."""
        self._drop(*self._candidates.values())
        for child in self._table:
            if child.state == "booting":
                self._table.end(child, "dropped")
            elif child.state == "serving":
                self._table.retire(child, self._settings.drain)

    def _drop_asked(self, generation: int) -> None:
        if generation == self.live or generation > self._newest:
            raise IllegalEvent(f"generation {generation} is no candidate")
        self._dropped.add(generation)
        candidate = self._candidates.get(generation)
        if candidate:
            self._drop(candidate)

    def _drop(self, *candidates: Candidate, verdict: str = "dropped") -> None:
        """End candidates. One that has no process yet is reported as exited, too."""
        for candidate in candidates:
            del self._candidates[candidate.generation]
            if not candidate.worker:
                number, generation = self._table.number(), candidate.generation
                self._table.tell(WorkerGone(number, FIRST_SLOT, generation, 0, 0, verdict=verdict))
            elif (child := self._table.by_number[candidate.worker]).state == "booting":
                self._table.end(child, "dropped")

    def _ready(self, order: BootDone) -> None:
        child = self._table.find(order.worker)
        if order.generation > self._newest or (child and child.generation != order.generation):
            raise IllegalEvent(f"Worker {order.worker} is not of generation {order.generation}")
        if child:
            child.step("ready")
            child.accepted = True
            if child.state == "serving":
                child.plan = Plan()
            self._images.accepted(child.worker, self._table.now)
        # The Master's decision counts, even if the Worker has died since. A dropped candidate may be late.
        if order.generation > self.live and order.generation not in self._dropped and not self._stopping:
            self._go_live(order.generation)
        if order.generation == self.live and not self._settings.slots:
            self._slots = SLOTS_OF_APP if order.app else SLOTS_OF_HANDLERS

    def _go_live(self, generation: int) -> None:
        self.live = generation
        self._pace, self._rolled, self._crowd = Backoff(), False, MemoryBound()
        self._candidates.pop(generation, None)
        self._drop(*(other for other in self._candidates.values() if other.generation < generation))
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

    @property
    def _stopping(self) -> bool:
        return self._stop_at < float("inf")

    # What the kernel reports

    def _note(self, fact: Fact) -> None:
        table = self._table
        match fact:
            case Forked(worker):
                self._forked(table.unborn(worker), fact)
            case ForkFailed(worker, reason):
                child = table.unborn(worker)
                child.verdict = f"fork failed: {reason}"
                self._copying.pop(worker, None)
                self._exited(child, EXIT_FAILURE)
            case ImageCame(worker, pid, holds):
                for source in self._images.came(worker, pid, holds):
                    self._table.out.append(TellImage(worker, source))
            case ImageGone(worker, reason):
                self._image_gone(worker, reason)
                self._report_no_image(reason)
            case CopyFailed(worker, reason):
                self._copy_failed(table.unborn(worker), reason)
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

    # Images

    def _forked(self, child: Child, forked: Forked) -> None:
        self._copying.pop(child.worker, None)
        self._elsewhere.discard(child.generation)
        why = self._images.why(child.generation) if forked.way == "boot" else ""
        self._table.forked(child, forked, why)

    def _image_gone(self, worker: int, reason: str) -> None:
        """Fork in the Manager what the image had yet to fork."""
        self._images.gone(worker, reason)
        for copy in [copy for copy, (image, _hangs) in self._copying.items() if image == worker]:
            self._copy_failed(self._table.unborn(copy), reason)

    def _report_no_image(self, reason: str) -> None:
        """Report each reason once in a row."""
        if reason and reason != self._no_image:
            self._no_image = reason
            self._table.tell(ManagerNotice("info", f"no image, so each save imports everything: {reason}"))

    def _copy_failed(self, child: Child, reason: str) -> None:
        asked, _hangs = self._copying.pop(child.worker)
        image = self._images.of(child.generation)
        self._images.refused(child.generation, reason)
        if image is not None and image.worker == asked and image.generation == child.generation:
            self._end_image(asked)  # a file that its import read has changed
        if child.state == "ending":
            self._exited(child, 0)
        elif self._is_left(child.generation):
            child.verdict = LEFT + reason
            self._exited(child, 0)
        else:
            self._order_fork(child)

    def _end_images(self) -> None:
        """End images that hang, and images that no generation needs any more."""
        now = self._table.now
        for image in sorted({image for image, hangs in self._copying.values() if hangs <= now}):
            self._end_image(image, OVERDUE)
        for image in sorted(self._images.all if self._leaves else self._images.superfluous(self.live)):
            self._end_image(image)

    def _end_image(self, image: int, why: str = "") -> None:
        self._table.out.append(EndImage(image))
        self._image_gone(image, why)

    def _awaits_image(self, generation: int) -> bool:
        """Return whether to wait for an image that a Worker of this generation may be copied from."""
        until = self._images.awaited_until(generation)
        return until is not None and until > self._table.now

    def _is_left(self, generation: int) -> bool:
        """Return whether another Manager is to boot it, since no image here will do."""
        return generation in self._elsewhere and self._images.of(generation) is None

    def _order_fork(self, child: Child) -> None:
        """Order the fork of a Worker: by a suitable image, else by the Manager."""
        image = self._images.of(child.generation)
        if image is None:
            for overdue in self._images.overdue(child.generation, self._table.now):
                self._images.refused(child.generation, OVERDUE)
                self._end_image(overdue, OVERDUE)
            if self._settings.worker.warm:
                self._images.expected(child.worker, child.generation)
            self._table.out.append(Fork(child.worker, child.slot, child.generation))
            return
        changes = differences(image, self.snapshots[child.generation])
        self._copying[child.worker] = image.worker, self._table.now + HANGS_AFTER
        self._table.out.append(Fork(child.worker, child.slot, child.generation, image.worker, changes))

    def _exited(self, child: Child, status: int) -> None:
        unasked = child.state in ("booting", "serving") or child.verdict == "boot timeout"
        self._table.exited(child, status, AT_ONCE if self._stop_at <= self._table.now else LEFTOVERS)
        if not child.accepted and child.worker in self._images.all:
            self._end_image(child.worker)
        candidate = self._candidates.get(child.generation)
        if candidate and candidate.worker == child.worker:
            del self._candidates[child.generation]
        elif unasked and child.generation == self.live and not (self._stopping or self._relieved):
            self._count_death(child)

    def _count_death(self, child: Child) -> None:
        if self._pace.died(self._table.now):
            text = f"Workers of generation {child.generation} keep dying"
            self._table.tell(
                ManagerNotice("warning", f"{text}: the next one starts in {self._pace.pause:g} s")
            )
        elif not child.accepted and not self._pace.pause:
            text = f"Worker {child.worker} did not boot: slot {child.slot} is tried again"
            self._table.tell(ManagerNotice("warning", text))

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
        self._table.tell(StillBooting(child.worker, child.generation, seconds, module, path, line))

    # What follows from where things stand

    def _launch(self) -> None:
        """Fork the candidates; an exclusive one once no older process is left."""
        for candidate in list(self._candidates.values()):
            crowded = any(child.generation < candidate.generation for child in self._table)
            if candidate.worker or self._awaits_image(candidate.generation):
                continue
            if self._is_left(candidate.generation):
                self._drop(candidate, verdict=LEFT + self._images.why(candidate.generation))
            elif not (candidate.exclusive and (crowded or self._table.leftovers)):
                candidate.worker = self._fork(FIRST_SLOT, candidate.generation)

    @property
    def _crowded(self) -> bool:
        """Return whether so many Workers are leaving that new code gets one. In a debugger none counts."""
        self._crowd.leaving = sum(
            child.state == "retiring" or (child.state == "serving" and child.generation < self.live)
            for child in self._table
            if child.paused_at is None
        )
        serving = sum(child.generation == self.live and child.state == "serving" for child in self._table)
        return self._crowd.holds_back(serving, self._slots)

    def _fill(self) -> None:
        """Fork a Worker for the next slot that lacks one of the live generation, or report RollDone."""
        self._held_back = False
        current = [child for child in self._table if child.generation == self.live]
        leaves = self._stopping or self._relieved
        if leaves or not self.live or any(not child.accepted for child in current):
            return
        serving = [child for child in current if child.state == "serving"]
        self._relieve_blocked(serving)
        served = {child.slot for child in serving}
        missing = [slot for slot in range(FIRST_SLOT, self._slots + 1) if slot not in served]
        if missing and self._awaits_image(self.live):
            return
        if missing and not self._must_wait() and not self._crowded:
            busy = {child.slot for child in self._table if child.state == "serving"}
            self._fork(min(missing, key=lambda slot: (slot in busy, slot)), self.live)
        elif not missing and not self._rolled:
            self._rolled = True
            self._table.tell(RollDone(self.live))

    def _relieve_blocked(self, serving: list[Child]) -> None:
        """Start a spare Worker while all others stand at a prompt; retire it once one of them goes on."""
        free = [child for child in serving if not child.blocked]
        if serving and not free and not self._exclusive and not self._must_wait():
            spare = self._fork(serving[0].slot, self.live)
            self._table.by_number[spare].spare = True
        elif any(not child.spare for child in free):
            for child in serving:
                if child.spare and not child.blocked:
                    self._table.retire(child, self._settings.drain)

    def _must_wait(self) -> bool:
        """Return whether a Worker of the live code must wait: for others to exit, or for the pause to end."""
        if any(candidate.exclusive for candidate in self._candidates.values()):
            return True
        leaving = any(child.state in ("retiring", "ending") for child in self._table)
        if self._exclusive and (leaving or self._table.leftovers):
            return True
        self._held_back = self._pace.until > self._table.now
        return self._held_back

    def _fork(self, slot: int, generation: int) -> int:
        timeout = self._settings.boot_timeout
        timetable: Escalation = NOTE
        if timeout and (self.live or not self._settings.first_boot):
            timetable = (*(step for step in NOTE if step[0] < timeout), (timeout, "limit"))
        child = self._table.fork(slot, generation, timetable)
        self._order_fork(child)
        return child.worker
