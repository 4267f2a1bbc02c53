"""The Managers, and every Worker, whichever Manager has forked it.

The next candidates come from the Manager that serves. A standby Manager that has preloaded takes its place,
and the other one exits once newer code is live. When a Manager dies its Workers are orphans: they serve on.
Another Manager is launched and told everything; once it has filled the slots, the orphans are retired.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import assert_never

from devserver.common import events
from devserver.common.events import Event
from devserver.common.exit_reason import exit_reason
from devserver.config import Config
from devserver.ipc import messages as wire
from devserver.ipc.messages import FromManager, ToManager
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import LinkClosed, OrphanExited, Worker
from devserver.master.supervision import orphans
from devserver.master.supervision.commands import Command, Kill, Later, Retire, Terminate
from devserver.master.supervision.exit_wording import cancelled, ended
from devserver.master.supervision.facts import (
    BootAborted,
    BriefingDue,
    CandidatesStranded,
    Fact,
    KillDue,
    LaunchDue,
    ManagerOverdue,
    ReloadRequested,
    TimerFact,
    WorkerAdded,
    WorkerDied,
    WorkerOverdue,
    WorkerRemoved,
)
from devserver.master.supervision.manager import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Manager,
    ManagerDied,
    ManagerReported,
)
from devserver.master.supervision.manager_launcher import ManagerLauncher
from devserver.master.supervision.manager_pool import ManagerPool
from devserver.master.supervision.site_packages import SitePackages
from devserver.master.supervision.standby import StandbyManager
from devserver.master.supervision.worker_record import WorkerRecord

STOP_PATIENCE = 0.5
"""Seconds that tasks which jobs have begun and left behind get when the server stops."""
LAST_WARNING = 1.0
"""Seconds between SIGTERM and SIGKILL."""


class Supervisor:
    """Launches, replaces and addresses the Managers, and removes dead Workers.

    Workers and Managers `report` to the Master, which passes on here what is for the Supervisor.
    """

    def __init__(
        self,
        config: Config,
        terminal: bool,
        dispatcher: Dispatcher,
        emit: Callable[[Event], None],
        report: Callable[[Fact], None],
    ) -> None:
        self._config = config
        self._dispatcher = dispatcher
        self._emit = emit
        self._report = report
        self._live = 0
        self._loop = asyncio.get_running_loop()
        self.workers: dict[int, WorkerRecord] = {}
        """All that have not exited, as far as is known."""
        self._launcher = launcher = ManagerLauncher(config, terminal, emit, report)
        search = config.target.search
        own = (config.watch.root, *search)
        standby = StandbyManager(launcher.start_beside, emit, own, config.process.preload_exclude)
        standby.enabled = config.process.preload == "auto"
        self.pool = ManagerPool(launcher, standby, SitePackages(), self.workers, search)
        self._held: list[ToManager] = []
        """Orders that wait until the last orphan has exited."""
        self._pause = 0.0
        self._stopping = False
        self._stop_at = 0.0
        self.gone = asyncio.Event()
        """Set when the Supervisor was told to stop and every process has exited."""

    # orders

    def send(self, message: ToManager) -> None:
        """Send an order to the Manager that it concerns; dropped while none serves: the next one is briefed.

        An exclusive handover, and all that follows it, waits until no orphan is left: no Manager sees them.
        """
        if not self.pool.serves or (self._stopping and isinstance(message, wire.Reload)):
            return
        exclusive = isinstance(message, wire.Reload) and message.handover == "exclusive"
        if self._held or (exclusive and self._orphans):
            self._held.append(message)
            self._carry_out(orphans.retire_all(self._orphans, self._config.process.drain))
        else:
            self.pool.send(message)

    def launch(self) -> None:
        """Start a Manager and have it briefed."""
        if self._stopping:
            return
        if not self.pool.launch():
            self._carry_out([Later(LONGEST_PAUSE, LaunchDue())])
            return
        self._held.clear()
        self._report(BriefingDue())

    def went_live(self, generation: int) -> None:
        """Newer code is live."""
        self._live = generation
        self._launcher.note_live()
        self.pool.went_live(generation)

    # facts

    def handle(self, fact: LinkClosed | OrphanExited | ManagerReported | ManagerDied | TimerFact) -> None:
        """Do what a fact asks for."""
        match fact:
            case ManagerReported(manager, message, fds):
                self._manager_reported(manager, message, fds)
            case ManagerDied(manager, reason):
                self._manager_died(manager, reason)
            case LinkClosed(worker):
                self._link_closed(self.workers[worker.id])
            case OrphanExited(worker):
                self._orphan_exited(self.workers[worker.id])
            case LaunchDue():
                self.launch()
            case WorkerOverdue(record):
                self._carry_out([Terminate(record)])
            case KillDue(record):
                self._carry_out([Kill(record)])
            case ManagerOverdue(manager):
                manager.kill()
            case _:
                assert_never(fact)

    def accept(self, worker: Worker, message: wire.BootDone) -> bool:
        """A Worker is ready; return whether it may serve: False if its generation is tried elsewhere."""
        record = self.workers[worker.id]
        stranger = record.orphan and record.generation != self._live
        if record.state in ("failed", "abandoned") or stranger:
            return False
        record.step("accept")
        record.import_ms = message.import_ms
        return True

    def message_received(
        self, worker: Worker, message: wire.BootFailed | wire.Leaving | wire.TasksCancelled
    ) -> None:
        """Note what a Worker reports for its end."""
        record = self.workers[worker.id]
        match message:
            case wire.BootFailed():
                record.failure = message
                record.step("fail")
            case wire.Leaving():
                self._leaving(record, message)
            case wire.TasksCancelled(tasks=tasks, in_hand=True):
                record.cut_short = tasks
            case wire.TasksCancelled(tasks=tasks):
                self._emit(cancelled(record, tasks, self._config.watch.root))

    def worker_idle(self, worker: Worker) -> None:
        """A Worker has no job in hand: if it is to leave, tell it to exit."""
        self._idle(self.workers[worker.id])

    def _idle(self, worker: WorkerRecord) -> None:
        if worker.step("leave"):
            patience = STOP_PATIENCE if self._stopping else self._config.http.stream_limit
            worker.process.link.send(wire.Leave(patience))
            self._leave_within(worker, patience + self._config.process.exit)
        if worker.generation < self._live and not worker.retired:
            if worker.orphan:
                self._carry_out(orphans.retire(worker, self._config.process.drain))
            else:
                self.send(wire.WorkerIdle(worker.id))

    def _carry_out(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case Retire(worker):
                    self._retire(worker)
                case Terminate(worker):
                    worker.step("end")
                    self._dispatcher.retire(worker.process)
                    worker.process.signal(signal.SIGTERM)
                    self._loop.call_later(LAST_WARNING, self._report, KillDue(worker))
                case Kill(worker):
                    worker.process.signal(signal.SIGKILL)
                case Later(seconds, fact):
                    self._loop.call_later(seconds, self._report, fact)
                case _:
                    assert_never(command)

    # what a Manager reports

    def _manager_reported(self, manager: Manager, message: FromManager, fds: list[int]) -> None:
        match message:
            case wire.WorkerForked():
                self._worker_forked(manager, message, fds)
            case wire.Preloading() | wire.PreloadDone():
                self.pool.preload_reported(manager, message)
            case wire.Retire():
                if worker := self.workers.get(message.worker):
                    self._retire(worker)
            case wire.WorkerGone():
                self._worker_gone(message)
            case wire.RollDone():
                self._pause = 0.0
                self._emit(events.Rolled(generation=message.generation))
                self._carry_out(orphans.retire_all(self._orphans, self._config.process.drain))
            case wire.ReloadAsked():
                self._report(ReloadRequested())
            case wire.ManagerNotice():
                self._emit(events.Notice(level=message.level, text=message.text, detail=message.detail))
            case wire.Pong():
                pass
            case _:
                assert_never(message)

    def _worker_forked(self, manager: Manager, message: wire.WorkerForked, fds: list[int]) -> None:
        worker = Worker(message, fds, self._report, self._loop)
        self.workers[worker.id] = WorkerRecord(worker, manager)
        self._launcher.note_worker(worker.id)
        self._report(WorkerAdded(worker))
        self._emit(
            events.WorkerStarted(
                worker=worker.id,
                slot=worker.slot,
                generation=worker.generation,
                pid=worker.pid,
                way=message.way,
            )
        )

    # how a Worker leaves

    def _retire(self, worker: WorkerRecord) -> None:
        if worker.step("retire"):
            self._dispatcher.retire(worker.process)
            self._emit(events.WorkerRetiring(worker=worker.id))
            if self._dispatcher.is_idle(worker.process):
                self._idle(worker)

    def _leaving(self, worker: WorkerRecord, message: wire.Leaving) -> None:
        """A Worker that was told to exit has no job in hand, not even a task left behind."""
        worker.threads = message.threads
        if worker.state == "leaving":
            seconds = self._config.process.drain if message.unsent else self._config.process.exit
            self._leave_within(worker, seconds, held=not message.unsent)

    def _leave_within(self, worker: WorkerRecord, seconds: float, held: bool = True) -> None:
        if worker.orphan:
            self._carry_out([Later(seconds, WorkerOverdue(worker))])
        else:
            worker.tell_manager(wire.LeaveWithin(worker.id, seconds, held))

    def _link_closed(self, worker: WorkerRecord) -> None:
        """It exits, or is of no use any more: the app has closed what is not its own."""
        worker.step("disconnect")
        self._dispatcher.retire(worker.process)
        if worker.manager is not None:
            worker.manager.expect()
        self._carry_out([Later(LAST_WARNING, WorkerOverdue(worker))])

    def _worker_gone(self, message: wire.WorkerGone) -> None:
        worker = self.workers.get(message.worker)
        if worker is None:
            self._report(BootAborted(message.generation, message.verdict))
        else:
            self._remove(worker, exit_reason(os.waitstatus_to_exitcode(message.status)), message)

    def _orphan_exited(self, worker: WorkerRecord) -> None:
        with suppress(OSError):
            os.killpg(worker.process.pid, signal.SIGTERM)  # what it has left behind in its group
        self._remove(worker, "ended", None)

    def _remove(self, worker: WorkerRecord, reason: str, exited: wire.WorkerGone | None) -> None:
        process, verdict = worker.process, exited.verdict if exited else ""
        cause = f"{reason}, {verdict}" if verdict else reason
        self._dispatcher.bar(process)  # else its last messages would get it another job
        process.drain()
        if notice := ended(worker, exited, self._config, stopping=self._stopping):
            self._emit(notice)
        self._emit(
            events.WorkerExited(
                worker=worker.id,
                slot=process.slot,
                generation=worker.generation,
                pid=process.pid,
                reason=cause,
                planned=worker.planned or self._stopping or verdict == "dropped",
            )
        )
        self._report(WorkerDied(process, cause))
        del self.workers[worker.id]
        process.close()
        self._proceed()
        self._report(WorkerRemoved(worker, reason, exited))

    # a Manager's death

    def _manager_died(self, manager: Manager, reason: str) -> None:
        self._emit(events.ManagerExited(pid=manager.pid, reason=reason))
        launch = self.pool.remove(manager, reason)
        adopted = [worker for worker in self.workers.values() if worker.manager is manager]
        for worker in adopted:
            worker.manager = None
            worker.process.watch_exit()
        self._carry_out(orphans.adopt(adopted, self._live, self._config.process.drain))
        if self._stopping:
            self._stop_orphans()
        elif launch:
            self._carry_out([Later(self._pause, LaunchDue())])
            self._pause = min(max(FIRST_PAUSE, self._pause * 2), LONGEST_PAUSE)
        else:
            self._report(CandidatesStranded())

    @property
    def _orphans(self) -> list[WorkerRecord]:
        return [worker for worker in self.workers.values() if worker.orphan]

    # the end

    def stop(self, deadline: float) -> None:
        """End everything within `deadline` seconds (0: at once); `gone` is set when no process is left."""
        self._stopping = True
        for worker in self.workers.values():
            if worker.state == "leaving":
                worker.process.link.send(wire.Leave(STOP_PATIENCE))
        self._stop_at = self._loop.time() + deadline
        self._carry_out(self.pool.stop(deadline, 3 * LAST_WARNING))
        self._stop_orphans()

    def _stop_orphans(self) -> None:
        self._carry_out(orphans.stop(self._orphans, self._stop_at - self._loop.time()))
        self._proceed()

    def _proceed(self) -> None:
        """Go on with what waited until no orphan, or no process at all, is left."""
        if self._stopping and not self.pool.all and not self.workers:
            self.gone.set()
        if self._held and not self._orphans:
            held, self._held = self._held, []
            for message in held:
                self.send(message)
