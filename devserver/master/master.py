"""The Master: carries out what is decided about each save, and joins the parts that this takes.

The course of one save: `Edits.on_edit_noticed`, `Edits.on_edit_checked`, then here `_apply`, `_boot` (or
`_refuse`), `_worker_ready`, `_go_live`; the older Workers leave as they fall idle (`_worker_idle`). `handle`
takes all other facts.

Law: a client connection is never closed by a reload, a Worker's death or a Manager's death.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import assert_never

from devserver.common import events
from devserver.common.errors import DevserverError, TargetError
from devserver.common.events import Event
from devserver.config import Config
from devserver.ipc import messages
from devserver.ipc.messages import FromWorker
from devserver.master.clients import Clients
from devserver.master.dispatch.live_code import CONNECTION_HANDLERS
from devserver.master.dispatch.live_routes import LiveRoutes
from devserver.master.dispatch.queue import ServedBy
from devserver.master.dispatch.worker import LinkCaughtUp, OutputReceived, Worker
from devserver.master.edits import Edits
from devserver.master.listening import Listening
from devserver.master.load_report import LoadReport
from devserver.master.reload import commands as decisions
from devserver.master.reload import outcome
from devserver.master.reload.disk import own_python
from devserver.master.reload.file_watch import FileWatch
from devserver.master.reload.generations import Generations
from devserver.master.reload.missing_package import MissingPackage
from devserver.master.reload.source_reports import SourceReports
from devserver.master.reload.timings import Timings
from devserver.master.supervision import facts, site_packages
from devserver.master.supervision.boot_policy import BootPolicy
from devserver.master.supervision.boots import Boots
from devserver.master.supervision.facts import Fact
from devserver.master.supervision.supervisor import Supervisor
from devserver.master.terminal import prompts
from devserver.master.terminal.terminals import Terminals

SURVEY_PAUSE = 0.5
"""Seconds after a save went live: its requests come first, and a save that follows at once."""


class Master:
    """One a process. `fail` ends the run with an error. `attach` a watch of the files first."""

    def __init__(
        self,
        config: Config,
        terminal: bool,
        emit: Callable[[Event], None],
        fail: Callable[[DevserverError], None],
    ) -> None:
        self._config = config
        self._emit = emit
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self.generations = generations = Generations(handover=config.process.handover)
        self.clients = clients = Clients(
            config, self._stamp, generations.is_settled, emit, self._changed, self._worker_idle
        )
        self._dispatcher = dispatcher = clients.dispatcher
        self.routes = LiveRoutes(dispatcher)
        self._load_report = LoadReport(emit, dispatcher, lambda: clients.open, self._loop)
        self.listening = Listening(config, clients, generations, emit, fail)
        self.terminals = Terminals(dispatcher.workers, emit, self.handle, config.margin)
        self.supervisor = supervisor = Supervisor(
            config, terminal, dispatcher, emit, self.handle, self._on_message
        )
        warm = config.process.warm == "auto"
        policy = BootPolicy(supervisor.pool, supervisor.send, supervisor.do, emit, self.handle, warm=warm)
        self._timings = Timings()
        self.edits = edits = Edits(generations, self._timings, emit, self._apply, supervisor.send)
        self._package = package = MissingPackage(site_packages.times, edits.reload, self._loop)
        self._reports = SourceReports(generations, edits.created, edits.stamp)
        self._boots = Boots(generations, policy, edits.created, package, supervisor.workers, emit)
        self._on_client_message = clients.message_handlers()
        self.progress = asyncio.Event()
        """Set whenever something has changed; the stop waits for it."""

    def attach(self, watch: FileWatch) -> None:
        """Take the files' watch, which reports to this Master."""
        self.edits.watch = self._reports.watch = watch

    def start(self) -> None:
        """Report where it listens, and boot the first generation."""
        self.listening.announce()
        self._apply(self.generations.start())
        self.supervisor.launch()

    def close(self) -> None:
        """Close what is left of Workers and timers."""
        self._load_report.close()
        self._package.end()
        self.edits.created.close()
        for worker in list(self._dispatcher.workers.values()):
            worker.drain()
            worker.close()

    # what was decided about an edit

    def _apply(self, commands: Sequence[decisions.Command]) -> None:
        for command in commands:
            self._carry_out(command)
        self.edits.note_decision()
        self.clients.release()

    def _carry_out(self, command: decisions.Command) -> None:
        match command:
            case decisions.Boot():
                self._boot(command)
            case decisions.Drop():
                self._emit(events.Superseded(generation=command.generation))
                self.supervisor.send(messages.Drop(command.generation))
            case decisions.Cancel():
                self.supervisor.send(messages.Drop(command.generation))
            case decisions.GoLive():
                self._go_live(command)
            case decisions.Refuse():
                self._refuse(command)
            case decisions.Restore():
                self._emit(events.Restored(edit=command.edit, live=self.generations.live))
            case decisions.Warn():
                self._emit(outcome.unused(command.failure, self._config.watch.root))
            case decisions.GoExclusive():
                self._emit(outcome.retried_alone(command.failure))
            case decisions.Suggest():
                self._emit(events.Notice(level="info", text=command.text))
            case _:
                assert_never(command)

    def _boot(self, boot: decisions.Boot) -> None:
        self._timings.boot(boot.generation, boot.edit, self.edits.steps, time.monotonic())
        self._boots.order(boot)

    def _refuse(self, command: decisions.Refuse) -> None:
        live, first = self.generations.live, command.failures[0]
        if not live and not command.edit and first.type in outcome.HOPELESS:
            self._fail(TargetError(first.message))
            return
        self._emit(outcome.refused(command, live))
        if not live:
            self.clients.on_code_refused(command.failures)
            self.listening.on_code_refused()

    # a Worker is ready: the first one makes its generation live, and older Workers leave when they are idle

    def _worker_ready(self, worker: Worker, message: messages.BootDone) -> None:
        if not self.supervisor.accept(worker, message):
            return
        self.terminals.prompts.on_ready(worker)
        capacity: dict[ServedBy, int] = {"handlers": message.capacity}
        if message.app:
            capacity["app"] = message.app_capacity
        self._dispatcher.accept(worker, capacity)
        times = {"fork": worker.started.fork_ms, "import": message.import_ms, "start": message.start_ms}
        self._timings.step(worker.generation, times)
        self._emit(
            events.WorkerReady(
                worker=worker.id,
                generation=worker.generation,
                docs=message.docs,
                logs_requests=message.logs_requests,
            )
        )
        self.supervisor.send(message)
        self._apply_any(self.generations.on_worker_ready(decisions.Booted(message, worker.started)))
        self._dispatcher.pump()
        for other in list(self._dispatcher.workers.values()):
            if other.generation < self.generations.live and self._dispatcher.is_idle(other):
                self._worker_idle(other)

    def _go_live(self, command: decisions.GoLive) -> None:
        ready = command.worker.ready
        self.clients.go_live(ready)
        self.supervisor.on_code_live(command.generation)
        self._boots.on_code_live(command.generation)
        self.edits.watch.keep(file.path for file in own_python(self.generations.snapshot.values()))
        steps, total = self._timings.live(command.generation, command.edit, time.monotonic())
        self._emit(outcome.live(command, steps, total))
        tcp = bool(CONNECTION_HANDLERS & set(ready.handlers))
        pause = 0.0 if command.first else SURVEY_PAUSE
        survey = partial(self.edits.watch.survey, pause)
        self.listening.on_code_live(tcp=tcp, first=command.first, then=survey)

    def _worker_idle(self, worker: Worker) -> None:
        self.supervisor.worker_idle(worker)

    # facts of Workers and Managers, each handled before the next one

    def handle(self, fact: Fact) -> None:
        """Do what a fact asks for."""
        match fact:
            case OutputReceived(worker, text):
                self.terminals.on_printed(worker, text)
            case LinkCaughtUp(worker):
                self._dispatcher.on_drained(worker)
            case facts.WorkerAdded(worker):
                self.terminals.on_added(worker)
                self._dispatcher.add(worker)
                self.edits.created.on_worker_added(worker.generation)
            case prompts.PromptChanged(worker, state):
                self.supervisor.send(state)
                self._emit(prompts.event(worker, state))
                self._dispatcher.block(worker, state.active and state.blocks)
            case facts.WorkerDied(worker, cause):
                self.terminals.prompts.on_exited(worker)
                self.clients.router.on_worker_died(worker)
                self._dispatcher.remove(worker, cause)
                self.routes.on_died(worker)
            case facts.WorkerRemoved(record, reason, exited):
                self._changed()
                self._apply_failed(self._boots.on_worker_exited(record, reason, exited))
            case facts.BootAborted(generation, verdict):
                self._apply(self._boots.on_boot_aborted(generation, verdict))
            case facts.CandidatesStranded():
                self._find_homes()
            case facts.BriefingDue():
                self._brief()
            case facts.ReloadRequested():
                self.edits.request_reload()
            case _:
                self.supervisor.handle(fact)

    def _on_message(self, worker: Worker, message: FromWorker) -> None:
        on_message = self._on_client_message.get(type(message))
        if on_message is not None:  # by far the most
            on_message(worker, message)
            return
        match message:
            case messages.BootDone():
                self._worker_ready(worker, message)
            case messages.Loaded():
                if self._reports.joins(message.generation, message.source):
                    self.supervisor.send(message)
                self._apply_any(self._reports.used(message.generation, (message.source.path,)))
            case messages.Used() | messages.Opened() | messages.Creates():
                self._apply_any(self._reports.received(message))
            case messages.BootFailed():
                self.supervisor.on_message(worker, message)
                self._apply_any(self._reports.used(message.generation, message.paths))
            case messages.Imported():
                self._imported(worker, message)
            case messages.Failed():
                self._emit(events.HandlerFailed(worker=worker.id, connection=0, failure=message.failure))
            case messages.DebuggerState():
                self.terminals.prompts.on_reported(worker, message)
            case messages.RoutesRead():
                self.routes.on_read(worker, message)
            case messages.Leaving() | messages.TasksCancelled():
                self.supervisor.on_message(worker, message)
            case _:
                raise AssertionError(f"no handler takes {type(message).__name__}")

    def _apply_any(self, commands: Sequence[decisions.Command]) -> None:
        if commands:
            self._apply(commands)

    def _apply_failed(self, commands: Sequence[decisions.Command] | None) -> None:
        """Apply what follows from a boot that has failed: no save has caused it."""
        if commands:
            self.edits.steps = {}
        if commands is not None:
            self._apply(commands)

    def _imported(self, worker: Worker, message: messages.Imported) -> None:
        if self._boots.on_imported(worker.id, message):
            self.edits.reload()

    def _brief(self) -> None:
        """Send a new Manager the live snapshot and the candidates."""
        for order in self.generations.briefing():
            self.supervisor.send(order)

    def _find_homes(self) -> None:
        """Settle the candidates whose Manager is gone."""
        for candidate in list(self.generations.candidates):
            if not self.supervisor.pool.is_home(candidate.number):
                self._apply(self.generations.on_manager_gone(candidate.number))

    def _stamp(self) -> int:
        return self.edits.stamp()

    def _changed(self) -> None:
        self._load_report.touch()
        self.progress.set()
