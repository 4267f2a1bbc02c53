"""The Manager's real fleet on a clock that the test sets: a test reads as events and commands."""

from __future__ import annotations

from signal import SIGTERM

from devserver.ipc.messages import (
    BootDone,
    Configure,
    Handover,
    Reload,
    Target,
    WorkerForked,
    WorkerGone,
    WorkerIdle,
    WorkerSettings,
)
from devserver.manager.fleet import Fleet
from devserver.manager.protocol import (
    Command,
    Elapsed,
    Event,
    Exited,
    Fork,
    Forked,
    GroupGone,
    SendToMaster,
    Signal,
)

KILLED = 9
"""The wait status of a process that was killed by SIGKILL."""


def configure(
    *, slots: int = 2, boot_timeout: float = 60.0, drain: float = 600.0, first_boot: bool = False
) -> Configure:
    return Configure(
        worker=WorkerSettings(Target("app", ()), "/"),
        slots=slots,
        first_worker=1,
        terminal=False,
        boot_timeout=boot_timeout,
        drain=drain,
        first_boot=first_boot,
    )


class FleetHarness:
    """Every Fork succeeds at once, Worker N as process 100 + N; every group is empty once it is left."""

    def __init__(self, settings: Configure | None = None) -> None:
        self.fleet = Fleet(settings or configure())
        self.now = 1000.0
        self.forks: dict[int, Fork] = {}
        self.alive: dict[int, str] = {}

    def do(self, event: Event) -> list[Command]:
        """Return what the fleet answers, WorkerStarted left out."""
        commands = self.fleet.handle(event, self.now)
        for command in list(commands):
            if isinstance(command, Fork):
                self._forked(command)
        return commands

    def _forked(self, fork: Fork) -> None:
        self.forks[fork.worker] = fork
        self.alive[fork.worker] = "booting"
        pid = 100 + fork.worker
        answer = self.fleet.handle(Forked(fork.worker, pid, 1.0), self.now)
        assert answer == [SendToMaster(WorkerForked(fork.worker, fork.slot, fork.generation, pid, 1.0))]

    def after(self, seconds: float) -> list[Command]:
        self.now += seconds
        return self.do(Elapsed())

    def wake(self) -> list[Command]:
        """Go on to the moment at which the fleet wants to be woken."""
        assert self.fleet.deadline is not None
        self.now = max(self.now, self.fleet.deadline)
        return self.do(Elapsed())

    def reload(
        self, generation: int, *, base: int = 0, handover: Handover = "overlap", live: bool = False
    ) -> list[Command]:
        return self.do(Reload(generation, base, (), handover, live))

    def ready(self, worker: int) -> list[Command]:
        if worker in self.alive:
            self.alive[worker] = "ready"
        return self.do(BootDone(worker, self.forks[worker].generation, ()))

    def idle(self, worker: int) -> list[Command]:
        return self.do(WorkerIdle(worker))

    def exits(self, worker: int, status: int = 0, *, verdict: str = "", stack: str = "") -> list[Command]:
        """Return what follows the report of the exit, which is checked. Its group is empty."""
        del self.alive[worker]
        commands = self.do(Exited(worker, status))
        fork = self.forks[worker]
        report = WorkerGone(worker, fork.slot, fork.generation, 100 + worker, status, stack, verdict)
        assert commands[0] == SendToMaster(report)
        rest = [command for command in commands[1:] if command != Signal(worker, SIGTERM, group=True)]
        return rest + self.do(GroupGone(worker))

    def serve(self, generation: int) -> None:
        """Bring a generation live in every slot; the older Workers are idle, and leave."""
        older = list(self.alive)
        self.reload(generation, base=self.fleet.live)
        for worker in older:
            self.idle(worker)
        while booting := [worker for worker in self.alive if self.alive[worker] == "booting"]:
            self.ready(booting[0])
            for worker in older:
                self.idle(worker)
        for worker in older:
            self.exits(worker)
