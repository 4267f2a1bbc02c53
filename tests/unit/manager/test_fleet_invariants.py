"""What holds whatever happens: random worlds of saves, deaths, slow boots, drops and stops."""

from __future__ import annotations

from collections import Counter
from signal import SIGKILL, SIGTERM

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from devserver.ipc.messages import (
    BootDone,
    DebuggerState,
    Drop,
    Handover,
    Reload,
    Retire,
    RollDone,
    Stop,
    WorkerGone,
    WorkerIdle,
)
from devserver.manager.fleet import Fleet
from devserver.manager.protocol import (
    Command,
    DumpStack,
    Elapsed,
    Event,
    Exited,
    Fork,
    Forked,
    ForkFailed,
    GroupGone,
    ReadStack,
    SendToMaster,
    Signal,
    StackRead,
)
from devserver.manager.states import ENDINGS
from tests.fakes.fleet import configure

SLOWEST_END = max(steps[-1][0] for steps in ENDINGS.values())


class Process:
    """A Worker as the world has it."""

    def __init__(self, fork: Fork) -> None:
        self.worker, self.slot, self.generation = fork.worker, fork.slot, fork.generation
        self.ready = self.retired = self.ending = self.killed = False
        self.dumps = 0


class World(RuleBasedStateMachine):
    """Plays the Master and the kernel, and checks each command."""

    @initialize(slots=st.integers(1, 3), first_boot=st.booleans())
    def begin(self, slots: int, first_boot: bool) -> None:
        self.slots = slots
        self.drain = 20.0
        self.fleet = Fleet(configure(slots=slots, boot_timeout=8.0, drain=self.drain, first_boot=first_boot))
        self.now = 0.0
        self.processes: dict[int, Process] = {}
        self.groups: set[int] = set()
        self.candidates: list[int] = []
        self.exclusive: set[int] = set()
        self.generation = self.live = self.workers = 0
        self.leaving = False
        self.rolled: Counter[int] = Counter()
        self.fork_fails = False

    def do(self, event: Event) -> None:
        queue: list[Command] = self.fleet.handle(event, self.now)
        while queue:
            answer = self.carry_out(queue.pop(0))
            if answer is not None:
                queue += self.fleet.handle(answer, self.now)

    def carry_out(self, command: Command) -> Event | None:
        match command:
            case Fork():
                return self.fork(command)
            case Signal(worker, signum, group):
                return self.signal(worker, signum, group)
            case DumpStack(worker):
                self.dump(self.processes[worker])
            case ReadStack(worker):
                assert worker in self.processes
                return StackRead(worker, "stack")
            case SendToMaster(message):
                self.told(message)
        return None

    def fork(self, fork: Fork) -> Event:
        assert not self.leaving, "a Manager that leaves forks nobody"
        assert fork.worker > self.workers, "numbers are never used twice"
        self.workers = fork.worker
        assert 1 <= fork.slot <= self.slots
        assert fork.generation >= self.live, "never back"
        if fork.generation == self.live:
            current = [process for process in self.processes.values() if process.generation == self.live]
            assert all(process.ready or process.killed for process in current), "one boot at a time"
            serving = [one for one in current if one.slot == fork.slot and not (one.ending or one.retired)]
            assert serving == [], "one Worker a slot"
            assert not self.exclusive & set(self.candidates), "nobody starts beside an exclusive candidate"
        else:
            assert fork.generation in self.candidates
            if fork.generation in self.exclusive:
                older = [one for one in self.processes.values() if one.generation < fork.generation]
                assert older == [], "an exclusive candidate starts alone"
        if self.fork_fails:
            self.fork_fails = False
            self.candidates = [one for one in self.candidates if one != fork.generation]
            return ForkFailed(fork.worker, "no memory")
        self.processes[fork.worker] = Process(fork)
        return Forked(fork.worker, 100 + fork.worker)

    def dump(self, process: Process) -> None:
        """A boot is dumped for the note first; everything else that is dumped is being ended."""
        process.dumps += 1
        process.ending = process.ready or process.dumps == 2

    def signal(self, worker: int, signum: int, group: bool) -> Event | None:
        if worker in self.processes:
            process = self.processes[worker]
            process.ending = True
            process.killed = process.killed or signum == SIGKILL
            assert group == (signum == SIGKILL)
            return None
        assert worker in self.groups, "no signal to what has gone"
        assert group
        if signum == SIGKILL:
            self.groups.remove(worker)
            return GroupGone(worker)
        assert signum in (SIGTERM, 0)
        return None

    def told(self, message: object) -> None:
        if isinstance(message, Retire):
            process = self.processes[message.worker]
            assert not process.retired, "told once"
            process.retired = True
        elif isinstance(message, RollDone):
            self.rolled[message.generation] += 1
            assert self.rolled[message.generation] == 1
            serving = {one.slot for one in self.serving() if one.generation == message.generation}
            assert serving == set(range(1, self.slots + 1)), "rolled means every slot"
        elif isinstance(message, WorkerGone) and not message.pid:
            self.workers = max(self.workers, message.worker)
            self.candidates = [one for one in self.candidates if one != message.generation]

    def serving(self) -> list[Process]:
        return [one for one in self.processes.values() if one.ready and not one.ending]

    def booting(self) -> list[int]:
        return sorted(one.worker for one in self.processes.values() if not one.ready and not one.ending)

    # What the world does

    @precondition(lambda self: not self.leaving)
    @rule(handover=st.sampled_from(["overlap", "overlap", "exclusive"]))
    def save(self, handover: Handover) -> None:
        if len(self.candidates) == 2:
            dropped = self.candidates.pop()
            self.do(Drop(dropped))
        self.generation += 1
        if handover == "exclusive":
            self.candidates = []
            self.exclusive.add(self.generation)
        self.candidates.append(self.generation)
        self.do(Reload(self.generation, self.live, (), handover))

    @precondition(lambda self: self.booting())
    @rule(data=st.data())
    def boots(self, data: st.DataObject) -> None:
        process = self.processes[data.draw(st.sampled_from(self.booting()))]
        if process.generation != self.live and process.generation not in self.candidates:
            return
        process.ready = True
        if process.generation > self.live and not self.leaving:
            self.live = process.generation
            self.candidates = [one for one in self.candidates if one > self.live]
        self.do(BootDone(process.worker, process.generation, ()))

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), status=st.sampled_from([0, 9, 256]), leftovers=st.booleans())
    def dies(self, data: st.DataObject, status: int, leftovers: bool) -> None:
        process = self.processes.pop(data.draw(st.sampled_from(sorted(self.processes))))
        if not process.ready:
            self.candidates = [one for one in self.candidates if one != process.generation]
        self.groups.add(process.worker)
        self.do(Exited(process.worker, status))
        if not leftovers and process.worker in self.groups:
            self.groups.remove(process.worker)
            self.do(GroupGone(process.worker))

    @precondition(lambda self: self.serving())
    @rule(data=st.data())
    def falls_idle(self, data: st.DataObject) -> None:
        self.do(WorkerIdle(data.draw(st.sampled_from(sorted(one.worker for one in self.serving())))))

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), active=st.booleans())
    def debugs(self, data: st.DataObject, active: bool) -> None:
        self.do(DebuggerState(active, data.draw(st.sampled_from(sorted(self.processes)))))

    @rule()
    def memory_runs_out(self) -> None:
        self.fork_fails = True

    @rule(seconds=st.floats(0.01, 30.0))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while (deadline := self.fleet.deadline) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.do(Elapsed())
        self.now = until

    @rule(order=st.sampled_from([Stop(30.0), Stop(5.0), Stop(0.0)]), really=st.integers(0, 9))
    def leaves(self, order: Stop, really: int) -> None:
        if really == 0:
            self.leaving = True
            self.candidates = []
            self.do(order)

    # What holds

    @invariant()
    def live_is_what_the_master_declared(self) -> None:
        assert self.fleet.live == self.live

    @invariant()
    def at_most_one_worker_of_the_live_generation_a_slot(self) -> None:
        slots = Counter(
            one.slot
            for one in self.processes.values()
            if one.generation == self.live and not one.ending and not one.retired
        )
        assert all(count == 1 for count in slots.values())

    @invariant()
    def a_free_slot_is_being_filled(self) -> None:
        """Somebody boots, somebody is on the way out, or the fleet wants to be woken."""
        current = [one for one in self.processes.values() if one.generation == self.live]
        if not self.live or self.leaving or len([one for one in current if one.ready]) >= self.slots:
            return
        assert (
            any(not one.ready or one.ending for one in current)
            or self.exclusive
            or self.fleet.deadline is not None
        )

    def teardown(self) -> None:
        """Outdated Workers end by themselves or are ended; then a stop leaves nobody."""
        if not hasattr(self, "fleet"):
            return
        for worker in list(self.processes):
            self.do(DebuggerState(False, worker))
        self.time_passes(self.drain + SLOWEST_END + 10.0)
        for one in self.processes.values():
            outdated = one.ready and one.generation < self.live
            assert not outdated or one.killed, "whatever is outlived is ended at last"
        self.leaving = True
        self.do(Stop(0.0))
        for worker in list(self.processes):
            assert self.processes[worker].killed
            del self.processes[worker]
            self.groups.add(worker)
            self.do(Exited(worker, 9))
        assert self.fleet.done


World.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestWorld = World.TestCase
