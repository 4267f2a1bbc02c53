"""The Managers, and every Worker, whichever Manager has forked it.

The next candidates come from the Manager that serves. A standby Manager that has preloaded takes its place,
and the other one exits once newer code is live. When a Manager dies its Workers are orphans: they serve on.
Another Manager is launched and briefed. Once it has filled the slots, the orphans are retired.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import assert_never

from devserver.common import events
from devserver.common.events import Event
from devserver.common.exit_reason import exit_reason
from devserver.config import Config
from devserver.ipc import messages
from devserver.ipc.messages import FromManager, FromWorker, ToManager
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import LinkClosed, OrphanExited, Worker
from devserver.master.supervision import orphans
from devserver.master.supervision.commands import (
    Command,
    DiscardManager,
    EndManager,
    Kill,
    Later,
    SendTo,
    Terminate,
    Watch,
)
from devserver.master.supervision.facts import (
    BootAborted,
    BriefingDue,
    CandidatesStranded,
    Fact,
    HeartbeatDue,
    KillDue,
    LaunchDue,
    ManagerOverdue,
    PreloadDue,
    PreloadOverdue,
    ReloadRequested,
    TimerFact,
    WorkerOverdue,
    WorkerRemoved,
)
from devserver.master.supervision.heartbeats import Heartbeats
from devserver.master.supervision.manager import ManagerDied, ManagerFact, ManagerLost, ManagerReported
from devserver.master.supervision.manager_events import shown
from devserver.master.supervision.manager_pool import ManagerPool
from devserver.master.supervision.manager_processes import FIRST_PAUSE, LONGEST_PAUSE, ManagerProcesses
from devserver.master.supervision.site_packages import SitePackages
from devserver.master.supervision.standby import StandbyManager
from devserver.master.supervision.worker_record import WorkerRecord
from devserver.master.supervision.workers import LAST_WARNING, Workers


class Supervisor:
    """Launches, replaces and addresses the Managers, and removes dead Workers.

    Workers and Managers `report` to the Master, which passes the Supervisor's facts on to it; `on_message`
    takes what Workers send.
    """

    def __init__(
        self,
        config: Config,
        terminal: bool,
        dispatcher: Dispatcher,
        emit: Callable[[Event], None],
        report: Callable[[Fact], None],
        on_message: Callable[[Worker, FromWorker], None],
    ) -> None:
        self._config = config
        self._emit = emit
        self._report = report
        self._live = 0
        self._loop = asyncio.get_running_loop()
        self._workers = Workers(config, dispatcher, emit, report, on_message, self.do)
        self.workers = self._workers.records
        self._managers = managers = ManagerProcesses(config, terminal, emit, report)
        self._heartbeats = Heartbeats()
        search = config.target.search
        own = (config.watch.root, *search)
        standby = StandbyManager(managers.start_beside, self.do, emit, own, config.process)
        self.pool = ManagerPool(managers, self.do, standby, SitePackages(), self.workers, search)
        self._held: list[ToManager] = []
        """Orders that wait until the last orphan has exited."""
        self._pause = self._stop_at = 0.0
        self._stopping = False
        self.gone = asyncio.Event()
        """Set when the Supervisor stops and every process has exited."""

    # commands

    def do(self, *commands: Command) -> None:
        """Carry out what was decided."""
        for command in commands:
            match command:
                case Later(seconds, fact):
                    self._loop.call_later(seconds, self._report, fact)
                case Watch(manager):
                    self.do(*self._heartbeats.watch(manager))
                case SendTo(manager):
                    self._managers.carry_out(command)
                    self.do(*self._heartbeats.expect(manager))
                case EndManager() | DiscardManager():
                    self._managers.carry_out(command)
                case _:
                    self._workers.carry_out(command)

    # orders

    def send(self, message: ToManager) -> None:
        """Send an order to the Manager that it concerns; dropped while none serves: the next one is briefed.

        An exclusive handover, and all that follows it, waits until no orphan is left: no Manager sees them.
        """
        if not self.pool.serves or (self._stopping and isinstance(message, messages.Reload)):
            return
        exclusive = isinstance(message, messages.Reload) and message.handover == "exclusive"
        if self._held or (exclusive and self._workers.orphans):
            self._held.append(message)
            self.do(*orphans.retire_all(self._workers.orphans, self._config.process.drain))
        else:
            self.pool.send(message)

    def launch(self) -> None:
        """Start a Manager and have it briefed."""
        if self._stopping:
            return
        if not self.pool.launch():
            self.do(Later(LONGEST_PAUSE, LaunchDue()))
            return
        self._held.clear()
        self._report(BriefingDue())

    def on_code_live(self, generation: int) -> None:
        """Newer code is live."""
        self._live = generation
        self._managers.on_code_live()
        self.pool.on_code_live(generation)

    # facts

    def handle(self, fact: LinkClosed | OrphanExited | ManagerFact | TimerFact) -> None:
        """Carry out what a fact requires."""
        match fact:
            case ManagerReported(manager, message, fds):
                self._on_manager_report(manager, message, fds)
            case ManagerLost(manager):
                self._heartbeats.on_lost(manager)
                self.pool.on_lost(manager)
            case ManagerDied():
                self._on_manager_died(fact)
            case LinkClosed(worker):
                self._on_link_closed(self.workers[worker.id])
            case OrphanExited(worker):
                self._on_orphan_exited(self.workers[worker.id])
            case LaunchDue():
                self.launch()
            case WorkerOverdue(record):
                self.do(Terminate(record))
            case KillDue(record):
                self.do(Kill(record))
            case ManagerOverdue(manager):
                self.do(EndManager(manager))
            case HeartbeatDue(manager):
                self.do(*self._heartbeats.on_tick(manager, due=self.pool.is_due(manager)))
            case PreloadDue() | PreloadOverdue():
                self.pool.standby.on_time(fact)
            case _:
                assert_never(fact)

    def accept(self, worker: Worker, message: messages.BootDone) -> bool:
        """A Worker is ready; return whether it may serve: False if its generation is tried elsewhere."""
        record = self.workers[worker.id]
        stranger = record.orphan and record.generation != self._live
        if record.state in ("failed", "cancelled") or stranger:
            return False
        record.step("accept")
        record.import_ms = message.import_ms
        return True

    def on_message(
        self, worker: Worker, message: messages.BootFailed | messages.Leaving | messages.TasksCancelled
    ) -> None:
        """Record what a Worker reports about its end."""
        self._workers.note(worker, message)

    def worker_idle(self, worker: Worker) -> None:
        """A Worker has no job in hand: let it exit if it is retired or runs older code."""
        record = self.workers[worker.id]
        self._workers.leave(record)
        if record.generation < self._live and not record.retired:
            if record.orphan:
                self.do(*orphans.retire(record, self._config.process.drain))
            else:
                self.send(messages.WorkerIdle(worker.id))

    # what a Manager reports

    def _on_manager_report(self, manager: int, message: FromManager, fds: list[int]) -> None:
        self._heartbeats.on_message(manager, answers=isinstance(message, messages.Pong))
        match message:
            case messages.WorkerForked():
                self._managers.on_worker_forked(message.worker)
                self._workers.add(manager, message, fds)
            case messages.Preloading() | messages.PreloadDone():
                self.pool.on_preload_report(manager, message)
            case messages.Retire():
                if worker := self.workers.get(message.worker):
                    self._workers.retire(worker)
            case messages.WorkerGone():
                self._worker_gone(message)
            case messages.RollDone():
                self._pause = 0.0
                self._emit(shown(message))
                self.do(*orphans.retire_all(self._workers.orphans, self._config.process.drain))
            case messages.ReloadRequested():
                self._report(ReloadRequested())
            case messages.ImageState():
                if self.pool.on_image_state(manager, message):
                    self._emit(shown(message))
            case messages.StillBooting() | messages.ManagerNotice():
                self._emit(shown(message))
            case messages.Pong():
                pass
            case _:
                assert_never(message)

    def _worker_gone(self, message: messages.WorkerGone) -> None:
        worker = self.workers.get(message.worker)
        if worker is None:
            self._report(BootAborted(message.generation, message.verdict))
        else:
            self._remove(worker, exit_reason(os.waitstatus_to_exitcode(message.status)), message)

    def _on_link_closed(self, worker: WorkerRecord) -> None:
        """Its Manager has to report its exit."""
        self._workers.disconnect(worker)
        if worker.manager is not None:
            self.do(*self._heartbeats.expect(worker.manager))

    def _on_orphan_exited(self, worker: WorkerRecord) -> None:
        with suppress(OSError):
            os.killpg(worker.process.pid, signal.SIGTERM)  # what it has left behind in its group
        self._remove(worker, "ended", None)

    def _remove(self, worker: WorkerRecord, reason: str, exited: messages.WorkerGone | None) -> None:
        self._workers.remove(worker, reason, exited)
        self._proceed()
        self._report(WorkerRemoved(worker, reason, exited))

    # a Manager's death

    def _on_manager_died(self, fact: ManagerDied) -> None:
        self._emit(events.ManagerExited(pid=fact.pid, reason=fact.reason))
        self._managers.on_died(fact.manager)
        launch = self.pool.remove(fact.manager, fact.reason)
        adopted = [worker for worker in self.workers.values() if worker.manager == fact.manager]
        for worker in adopted:
            worker.manager = None
            worker.process.watch_exit()
        self.do(*orphans.adopt(adopted, self._live, self._config.process.drain))
        if self._stopping:
            self._stop_orphans()
        elif launch:
            self.do(Later(self._pause, LaunchDue()))
            self._pause = min(max(FIRST_PAUSE, self._pause * 2), LONGEST_PAUSE)
        else:
            self._report(CandidatesStranded())

    # the end

    def stop(self, deadline: float) -> None:
        """End everything within `deadline` seconds (0: at once); `gone` is set when no process is left."""
        self._stopping = True
        self._workers.stop()
        self._stop_at = self._loop.time() + deadline
        self.pool.stop(deadline, 3 * LAST_WARNING)
        self._stop_orphans()

    def _stop_orphans(self) -> None:
        self.do(*orphans.stop(self._workers.orphans, self._stop_at - self._loop.time()))
        self._proceed()

    def _proceed(self) -> None:
        """Send the orders that waited for the last orphan, and report when no process is left."""
        if self._stopping and not self.pool.all and not self.workers:
            self.gone.set()
        if self._held and not self._workers.orphans:
            held, self._held = self._held, []
            for message in held:
                self.send(message)
