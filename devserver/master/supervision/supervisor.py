"""The Managers, and every Worker, whoever forked it.

The next candidates come from the Manager that serves. A standby Manager that has preloaded takes its place,
and it leaves once newer code is live. When a Manager dies its Workers are orphans: they serve on. Another
Manager is launched and told everything; once it has filled the slots, orphans are retired over their links
and, if need be, by pidfd.
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
from devserver.ipc import messages as wire
from devserver.ipc.messages import FromManager, ToManager
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import LinkClosed, OrphanExited, OutputReceived, Worker
from devserver.master.supervision.exit_wording import cancelled, ended
from devserver.master.supervision.facts import (
    BootAborted,
    BriefingDue,
    CandidatesStranded,
    Fact,
    ReloadRequested,
    WorkerDied,
    WorkerRemoved,
)
from devserver.master.supervision.manager import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Manager,
    ManagerDied,
    ManagerReported,
)
from devserver.master.supervision.manager_pool import ManagerPool
from devserver.master.supervision.orphans import LAST_WARNING, Orphans
from devserver.master.terminal.prompts import PromptChanged, Prompts

STOP_PATIENCE = 0.5
"""Seconds that tasks which units have begun and left behind get when the server stops."""


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
        self.pool = ManagerPool(config, terminal, dispatcher, emit, report)
        self._orphans = Orphans(dispatcher, self._retire, config.process.drain)
        self._held: list[ToManager] = []
        """Orders that wait until the last orphan has left."""
        self.prompts = Prompts(dispatcher.workers, report)
        self._pause = 0.0
        self._stopping = False
        self._stop_at = 0.0
        self._output_paused = False
        self.gone = asyncio.Event()
        """Set when the crew was told to stop and everybody has left."""

    def send(self, message: ToManager) -> None:
        """Give the Manager an order; while there is none, its successor's briefing will hold it.

        An exclusive handover, and all that follows it, waits until no orphan is left: no Manager sees them.
        """
        if not self.pool.serves or (self._stopping and isinstance(message, wire.Reload)):
            return
        exclusive = isinstance(message, wire.Reload) and message.handover == "exclusive"
        if self._held or (exclusive and self._orphans.all):
            self._held.append(message)
            self._orphans.relieve()
        else:
            self.pool.send(message)

    def launch(self) -> None:
        """Start a Manager and tell it all that it has to know."""
        if self._stopping:
            return
        if not self.pool.launch():
            self._loop.call_later(LONGEST_PAUSE, self.launch)
            return
        self._held.clear()
        self._report(BriefingDue())

    def pause_output(self, paused: bool) -> None:
        """Let what the app prints wait in its terminals, or read on."""
        if paused != self._output_paused:
            self._output_paused = paused
            for worker in self._dispatcher.workers.values():
                worker.pause_output(paused)

    # the Workers' terminals

    def heard(self, worker: Worker, message: wire.DebuggerState | wire.Leaving | wire.TasksCancelled) -> None:
        """A Worker reports what changes how long it may stay."""
        match message:
            case wire.DebuggerState():
                self.prompts.told(worker, message)
            case wire.Leaving():
                self._leaving(worker, message)
            case wire.TasksCancelled(tasks=tasks, in_hand=True):
                worker.cut_short = tasks
            case wire.TasksCancelled(tasks=tasks):
                self._emit(cancelled(worker, tasks, self._config.watch.root))

    def type(self, number: int, keys: bytes) -> None:
        """Put keys into the terminal of a Worker, if it still lives."""
        if worker := self._dispatcher.workers.get(number):
            worker.type(keys)

    def resize(self, number: int, columns: int, rows: int) -> None:
        """Give the terminal of a Worker the size of the user's."""
        if worker := self._dispatcher.workers.get(number):
            worker.resize(columns, rows)

    # facts

    def handle(
        self, fact: OutputReceived | LinkClosed | OrphanExited | PromptChanged | ManagerReported | ManagerDied
    ) -> None:
        """Do what a fact asks for."""
        match fact:
            case OutputReceived(worker, text):
                self._printed(worker, text)
            case LinkClosed(worker):
                self._link_closed(worker)
            case OrphanExited(worker):
                self._orphan_exited(worker)
            case PromptChanged(worker, state):
                self._prompt_changed(worker, state)
            case ManagerReported(manager, message, fds):
                self._manager_reported(manager, message, fds)
            case ManagerDied(manager, reason):
                self._manager_died(manager, reason)
            case _:
                assert_never(fact)

    def went_live(self, generation: int) -> None:
        """Newer code is live."""
        self._live = generation
        self.pool.went_live(generation)

    def _manager_reported(self, manager: Manager, message: FromManager, fds: list[int]) -> None:
        match message:
            case wire.WorkerForked():
                self._worker_started(manager, message, fds)
            case wire.Preloading() | wire.PreloadDone():
                self.pool.heard(manager, message)
            case wire.Retire():
                if worker := self._dispatcher.workers.get(message.worker):
                    self._retire(worker)
            case wire.WorkerGone():
                self._worker_exited(message)
            case wire.RollDone():
                self._pause = 0.0
                self._emit(events.Rolled(generation=message.generation))
                self._orphans.relieve()
            case wire.ReloadAsked():
                self._report(ReloadRequested())
            case wire.ManagerNotice():
                self._emit(events.Notice(level=message.level, text=message.text, detail=message.detail))
            case wire.Pong():
                pass
            case _:
                assert_never(message)

    def _worker_started(self, manager: Manager, message: wire.WorkerForked, fds: list[int]) -> None:
        worker = Worker(message, fds, self._report, self._loop, manager)
        if self._output_paused:
            worker.pause_output(True)
        self.pool.last_worker = max(self.pool.last_worker, worker.id)
        self._dispatcher.add(worker)
        self._emit(
            events.WorkerStarted(
                worker=worker.id,
                slot=worker.slot,
                generation=worker.generation,
                pid=worker.pid,
                way=message.way,
            )
        )

    def _retire(self, worker: Worker) -> None:
        if self._dispatcher.retire(worker):
            self._emit(events.WorkerRetiring(worker=worker.id))
            self.dismiss(worker)

    def dismiss(self, worker: Worker) -> None:
        """Tell a retiring Worker to leave, once it has nothing in hand."""
        retired, idle = self._dispatcher.is_retired(worker), self._dispatcher.is_idle(worker)
        if retired and idle and not worker.told_to_leave:
            worker.told_to_leave = True
            patience = STOP_PATIENCE if self._stopping else self._config.http.stream_limit
            worker.link.send(wire.Leave(patience))
            self._leave_within(worker, patience + self._config.process.exit)

    def _leaving(self, worker: Worker, message: wire.Leaving) -> None:
        """A Worker that was told to leave has nothing in hand, not even a task left behind."""
        worker.threads = message.threads
        if worker.told_to_leave:
            seconds = self._config.process.drain if message.unsent else self._config.process.exit
            self._leave_within(worker, seconds, held=not message.unsent)

    def _leave_within(self, worker: Worker, seconds: float, held: bool = True) -> None:
        if worker.orphan:
            self._loop.call_later(seconds, self._orphans.end, worker)
        else:
            self.pool.send(wire.LeaveWithin(worker.id, seconds, held))

    def _worker_exited(self, message: wire.WorkerGone) -> None:
        worker = self._dispatcher.workers.get(message.worker)
        if worker is None:
            self._report(BootAborted(message.generation, message.verdict))
        else:
            self._remove(worker, exit_reason(os.waitstatus_to_exitcode(message.status)), message)

    def _remove(self, worker: Worker, reason: str, exited: wire.WorkerGone | None) -> None:
        self._dispatcher.bar(worker)  # else its last messages would get it another job
        worker.drain()
        verdict = exited.verdict if exited else ""
        cause = f"{reason}, {verdict}" if verdict else reason
        unneeded = worker.abandoned or verdict == "dropped"
        if notice := ended(worker, exited, self._config, stopping=self._stopping):
            self._emit(notice)
        self._emit(
            events.WorkerExited(
                worker=worker.id,
                slot=worker.slot,
                generation=worker.generation,
                pid=worker.pid,
                reason=cause,
                planned=worker.told_to_leave or worker.failure is not None or self._stopping or unneeded,
            )
        )
        self.prompts.gone(worker)
        self._report(WorkerDied(worker, cause))
        worker.close()
        self._look_round()
        self._report(WorkerRemoved(worker, reason, exited))

    def _printed(self, worker: Worker, text: str) -> None:
        self._emit(events.Output(worker=worker.id, text=text))
        if worker.id in self._dispatcher.workers:
            self.prompts.printed(worker, text)

    def _prompt_changed(self, worker: Worker, state: wire.DebuggerState) -> None:
        self.send(state)
        self._emit(
            events.Debugging(
                worker=worker.id,
                active=state.active,
                path=state.path,
                line=state.line,
                what=state.what,
                how=state.how,
            )
        )
        self._dispatcher.block(worker, state.active and state.blocks)

    # a Manager's death

    def _manager_died(self, manager: Manager, reason: str) -> None:
        self._emit(events.ManagerExited(pid=manager.pid, reason=reason))
        launch = self.pool.exited(manager, reason)
        self._orphans.adopt(manager, self._live)
        if self._stopping:
            self._stop_orphans()
        elif launch:
            self._loop.call_later(self._pause, self.launch)
            self._pause = min(max(FIRST_PAUSE, self._pause * 2), LONGEST_PAUSE)
        else:
            self._report(CandidatesStranded())

    def _orphan_exited(self, worker: Worker) -> None:
        with suppress(OSError):
            os.killpg(worker.pid, signal.SIGTERM)  # what it has left behind in its group
        self._remove(worker, "ended", None)

    def retire_orphan(self, worker: Worker) -> None:
        """Let an orphan finish what it has, within the drain limit."""
        self._orphans.retire(worker, self._config.process.drain)

    def _link_closed(self, worker: Worker) -> None:
        """Its link has ended: it is leaving, or of no use any more (the app closed what is not its own)."""
        self._dispatcher.retire(worker)
        if worker.manager is not None and not worker.orphan:
            worker.manager.expect()
        self._loop.call_later(LAST_WARNING, self._orphans.end, worker)

    # the end

    def stop(self, deadline: float) -> None:
        """End everything within `deadline` seconds (0: at once); `gone` is set when nobody is left."""
        self._stopping = True
        for worker in self._dispatcher.workers.values():
            if worker.told_to_leave:
                worker.link.send(wire.Leave(STOP_PATIENCE))
        self._stop_at = self._loop.time() + deadline
        self.pool.stop(deadline, 3 * LAST_WARNING)
        self._stop_orphans()

    def _stop_orphans(self) -> None:
        self._orphans.stop(self._stop_at - self._loop.time())
        self._look_round()

    def _look_round(self) -> None:
        """Go on with what waited until no orphan, or nobody at all, is left."""
        if self._stopping and self.pool.nobody_left and not self._dispatcher.workers:
            self.gone.set()
        if self._held and not self._orphans.all:
            held, self._held = self._held, []
            for message in held:
                self.send(message)
