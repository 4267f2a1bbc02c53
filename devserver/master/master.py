"""The Master: carries out what the generations decide, and hears what Workers, Managers and files report.

Law: a client connection is never closed by a reload, a Worker's death or a Manager's death.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Protocol, assert_never

from msgspec.structs import replace

from devserver.common import events, thread_dump
from devserver.common.errors import DevserverError, TargetError
from devserver.common.events import Event
from devserver.common.failure import Failure
from devserver.config import Config
from devserver.ipc import messages as wire
from devserver.ipc.messages import FromWorker, Source
from devserver.master.clients import Clients
from devserver.master.dispatch.live_code import CONNECTION_HANDLERS
from devserver.master.dispatch.queue import JobKind
from devserver.master.dispatch.worker import LinkCaughtUp, MessageReceived, OutputReceived, Worker
from devserver.master.listen.policy import ListenPolicy
from devserver.master.load_report import LoadReport
from devserver.master.reload import commands as decisions
from devserver.master.reload.contention import is_held, is_suspect
from devserver.master.reload.created_files import CreatedFiles, Edit
from devserver.master.reload.disk import digest_in, own_python
from devserver.master.reload.generations import Generations
from devserver.master.reload.held_resources import held_by
from devserver.master.reload.missing_package import MissingPackage
from devserver.master.reload.self_writing import SelfWriteGuard
from devserver.master.reload.timings import Steps, Timings
from devserver.master.supervision import site_packages
from devserver.master.supervision.boot_policy import BootPolicy
from devserver.master.supervision.facts import (
    BootAborted,
    BriefingDue,
    CandidatesStranded,
    Fact,
    ReloadRequested,
    WorkerAdded,
    WorkerDied,
    WorkerRemoved,
)
from devserver.master.supervision.supervisor import Supervisor
from devserver.master.supervision.worker_record import WorkerRecord
from devserver.master.terminal.prompts import PromptChanged
from devserver.master.terminal.terminals import Terminals

EXCLUSIVE = "if the old worker holds what the new one needs: --handover exclusive starts it after the old one"
DROPPED = "dropped"
"""The Manager's verdict on a Worker that nobody needs any more."""
HOPELESS = frozenset({"NoHandlers", "NotAnApp", "AppAmbiguous", "AttributeMissing", "NameTaken"})
"""Failures of a first start, before any edit, which say that the command was wrong."""


class Eyes(Protocol):
    """Whoever watches the files."""

    def newest_edit(self) -> int:
        """Return the number of the newest edit, strictly."""

    def attend(self, files: Iterable[tuple[str, bytes]], *, as_data: bool = False) -> None:
        """These own files run, with these digests; `as_data`: they were merely read."""

    def keep(self, files: Iterable[str]) -> None:
        """These may be imported at any time as they are now; the ones named before may not."""

    def is_unsettled(self, path: str) -> bool:
        """Return whether an edit that was noticed, and not told yet, has this file."""

    def attend_everything(self, on: bool) -> None:
        """Any own file may be the cure, or only those that run."""

    def reread(self, known: Mapping[str, bytes]) -> None:
        """Read all that matters: what differs from these digests is an edit, whatever was told of it."""

    async def newest_edit_on_disk(self, known: Mapping[str, bytes]) -> int:
        """Return the number of the newest edit, strictly even where the system tells of no changes."""

    def survey(self) -> None:
        """Read what lies beside the modules that run."""


class Master:
    """One a process. `fail` ends the run with an error."""

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
        self.eyes: Eyes
        self.generations = Generations(handover=config.process.handover)
        clients = Clients(
            config, self._stamp, self.generations.is_settled, emit, self._changed, self._worker_idle
        )
        self.clients, dispatcher = clients, clients.dispatcher
        self._workers = dispatcher.workers
        self._load_report = LoadReport(emit, dispatcher, lambda: clients.open, self._loop)
        self.listen_policy = ListenPolicy(config, clients.factories(), emit)
        self.supervisor = Supervisor(config, terminal, dispatcher, emit, self.handle)
        self._boots = BootPolicy(self.supervisor, emit, self.handle)
        self.terminals = Terminals(self._workers, emit, self.handle)
        self._awaited = MissingPackage(site_packages.times, self._reload, self._loop)
        self._tasks: set[asyncio.Task[None]] = set()
        self._self_writes = SelfWriteGuard()
        self._written_in_boot: set[int] = set()
        self._asked: set[int] = set()
        """Edits that a reload is asked for with."""
        self._created = CreatedFiles(self._settle, self._loop)
        self._timelines = Timings()
        self._steps: Steps = {}
        self._decided = asyncio.Event()
        self.rereads = 0
        """How often all files were read because a reload was asked for."""
        self.progress = asyncio.Event()
        """Set whenever something has moved; the stop waits on it."""

    async def listen(self) -> None:
        """Listen where the command says. Raises ListenError."""
        await self.clients.look()
        await self.listen_policy.open_first()

    def start(self) -> None:
        """Say where it listens, and boot the first generation."""
        self.listen_policy.announce()
        self._apply(self.generations.start())
        self.supervisor.launch()

    def close(self) -> None:
        """Let go of what is left of Workers and timers."""
        self._load_report.close()
        self._awaited.end()
        self._created.close()
        for worker in list(self._workers.values()):
            worker.drain()
            worker.close()

    # the files' news

    def noticed(self, edit: int, paths: tuple[str, ...]) -> None:
        """An edit has begun."""
        now = time.monotonic()
        self._timelines.noticed(edit, now)
        booting = self.generations.booting
        for path in self._self_writes.noticed(paths, booting, now):
            text = f"{path} is written each time the app starts: no reload for it any more until you save it"
            self._emit(events.Notice(level="warning", text=text))
        if booting & set(paths):
            self._written_in_boot.add(edit)
        self.generations.noticed(edit)
        self._emit(events.Changed(edit=edit, paths=paths))

    def settled(
        self, edit: int, files: Sequence[Source], failures: Mapping[str, Failure], steps: Steps
    ) -> None:
        """An edit was read and checked; `steps` are settle and check, in ms."""
        self._created.settled(Edit(edit, files, failures, steps))

    def _settle(self, found: Edit) -> None:
        edit, self._steps = found.number, found.steps
        for file in found.files:
            generation = self._created.by(file)
            if generation and self.generations.loaded(generation, file):
                self._created.taken(generation)
                if file.source is not None:
                    self.supervisor.send(wire.Loaded(0, generation, file))
        muted = self._self_writes.muted if edit in self._written_in_boot else frozenset()
        self._written_in_boot.discard(edit)
        commands = self.generations.settled(edit, found.files, found.failures, muted)
        changed = any(isinstance(command, decisions.Boot | decisions.Refuse) for command in commands)
        if changed:
            self._created.saved()
        self._emit(
            events.Checked(
                edit=edit,
                changed=changed,
                settle_ms=found.steps["settle"],
                check_ms=found.steps["check"],
            )
        )
        self._apply(commands)
        if edit in self._asked:
            self._asked.discard(edit)
            if not changed:
                self._reload()

    def surveyed(self, files: Sequence[Source]) -> None:
        """These files lie beside what runs and may be imported or read later: they belong to the snapshot."""
        for file in files:
            if self.generations.surveyed(file) and file.source is not None:
                self.supervisor.send(wire.Loaded(0, self.generations.live, file))

    def reload_asked(self) -> None:
        """Somebody wants a reload, whether or not a file has changed: of what is on the disk now."""
        self.eyes.reread(self.generations.known())

    def reread(self, edit: int) -> None:
        """All was read for a reload that was asked for; `edit` has what differed, 0: nothing did."""
        self.rereads += 1
        if edit:
            self._asked.add(edit)
        else:
            self._reload()

    def _reload(self) -> None:
        """Boot what was read last, whether or not it runs."""
        self._steps = {}
        self._apply(self.generations.asked())

    async def newest_edit_on_disk(self) -> int:
        """Return the number of the newest edit, once everything that is on the disk now is known."""
        return await self.eyes.newest_edit_on_disk(self.generations.known())

    async def decided(self) -> None:
        """Return when something was decided next: edits settled, code went live or was refused."""
        await self._decided.wait()

    # the generations' commands

    def _apply(self, commands: Sequence[decisions.Command]) -> None:
        for command in commands:
            match command:
                case decisions.Boot():
                    self._boot(command)
                case decisions.Drop():
                    self._emit(events.Superseded(generation=command.generation))
                    self.supervisor.send(wire.Drop(command.generation))
                case decisions.Cancel():
                    self.supervisor.send(wire.Drop(command.generation))
                case decisions.GoLive():
                    self._go_live(command)
                case decisions.Refuse():
                    self._refuse(command)
                case decisions.Restore():
                    self._emit(events.Restored(edit=command.edit, live=self.generations.live))
                case decisions.Warn():
                    where = str(command.failure).removeprefix(os.path.join(self._config.watch.root, ""))
                    text = f"{where}. Nothing imports this file, so it blocks nothing."
                    self._emit(events.Notice(level="warning", text=text))
                case decisions.GoExclusive():
                    self._emit(events.Notice(level="warning", text=_exclusive_sentence(command.failure)))
                case _:
                    assert_never(command)
        pause = self._self_writes.due(bool(self.generations.candidates))
        if pause is not None:
            self._loop.call_later(pause, self._catch_up)
        self.eyes.attend_everything(self.generations.wanting)
        self.clients.release()
        self._decided.set()
        self._decided = asyncio.Event()

    def _catch_up(self) -> None:
        """Try what is on the disk and was muted, unless something boots or it runs already."""
        if not self.generations.candidates and self.generations.behind:
            self._reload()

    def _boot(self, boot: decisions.Boot) -> None:
        self._timelines.boot(boot.generation, boot.edit, self._steps, time.monotonic())
        snapshot = self.generations.snapshot_of(boot.generation)
        assert snapshot is not None, "what boots is a candidate"
        self._boots.order(boot, snapshot)

    def _go_live(self, command: decisions.GoLive) -> None:
        ready, forked = command.worker.ready, command.worker.forked
        self.clients.go_live(ready)
        self._boots.went_live(command.generation)
        self._awaited.end()
        self.eyes.keep(file.path for file in own_python(self.generations.snapshot.values()))
        steps, total = self._timelines.live(command.generation, command.edit, time.monotonic())
        self._emit(
            events.Live(
                generation=command.generation,
                edit=command.edit,
                steps=steps,
                total_ms=total,
                paths=command.paths,
                way=forked.way,
                functions=forked.functions,
                why=forked.why,
            )
        )
        self._do(self._follow(bool(CONNECTION_HANDLERS & set(ready.handlers)), command.first))

    def _refuse(self, command: decisions.Refuse) -> None:
        first = command.failures[0]
        if not self.generations.live and not command.edit and first.type in HOPELESS:
            self._fail(TargetError(first.message))
            return
        self._emit(
            events.Refused(
                edit=command.edit,
                generation=command.generation,
                live=self.generations.live,
                file=first.place.path if first.place else "",
                line=first.place.line if first.place else 0,
                failures=command.failures,
            )
        )
        if not self.generations.live:
            self.clients.refused(command.failures)
            self._do(self._expect())

    # the facts of Workers and Managers

    def handle(self, fact: Fact) -> None:
        """Do what a fact asks for, before the next one."""
        match fact:
            case MessageReceived(worker, message):  # by far the most
                self._message_received(worker, message)
            case LinkCaughtUp(worker):
                self.clients.dispatcher.on_drained(worker)
            case WorkerDied(worker, cause):
                self.terminals.prompts.gone(worker)
                self.clients.router.abandon(worker)
                self.clients.dispatcher.remove(worker, cause)
            case WorkerRemoved(worker, reason, exited):
                self._worker_removed(worker, reason, exited)
            case BootAborted(generation, verdict):
                self._boot_aborted(generation, verdict)
            case CandidatesStranded():
                self._rehome()
            case BriefingDue():
                self._brief()
            case ReloadRequested():
                self.reload_asked()
            case WorkerAdded(worker):
                self.terminals.added(worker)
                self.clients.dispatcher.add(worker)
            case OutputReceived(worker, text):
                self.terminals.printed(worker, text)
            case PromptChanged(worker, state):
                self._prompt_changed(worker, state)
            case _:
                self.supervisor.handle(fact)

    def _message_received(self, worker: Worker, message: FromWorker) -> None:
        if isinstance(message, wire.StreamNews):  # by far the most
            self.clients.gateway.on_message(worker, message)
            return
        match message:
            case wire.BootDone():
                self._worker_ready(worker, message)
            case wire.Loaded():
                if self._joins(message.generation, message.source):
                    self.supervisor.send(message)
                self._uses(message.generation, (message.source.path,))
            case wire.Used() | wire.Opened() | wire.Creates():
                self._files_news(message)
            case wire.BootFailed():
                self.supervisor.message_received(self._record(worker), message)
                self._uses(message.generation, message.paths)
            case wire.Imported():
                again = self.generations.candidate(worker.generation)
                if self._boots.imported(self._record(worker), message, self.generations.live, again):
                    self._reload()
            case wire.Failed():
                self._emit(events.HandlerFailed(worker=worker.id, connection=0, failure=message.failure))
            case wire.DebuggerState():
                self.terminals.prompts.told(worker, message)
            case wire.Leaving() | wire.TasksCancelled():
                self.supervisor.message_received(self._record(worker), message)
            case _:
                self.clients.router.on_message(worker, message)

    def _joins(self, generation: int, source: Source) -> bool:
        """Take in what a Worker has read; a save that was over by then is an edit: it may be that one."""
        self._stamp()
        unsettled = self.eyes.is_unsettled(source.path) or self._created.holds(source.path)
        return self.generations.loaded(generation, source, unsettled)

    def _files_news(self, message: wire.Used | wire.Opened | wire.Creates) -> None:
        match message:
            case wire.Used():
                self._uses(message.generation, message.paths)
            case wire.Opened():
                self._opened(message)
            case wire.Creates():
                first = message.generation != self.generations.live
                self._created.heard(message if first or not message.digest else replace(message, digest=b""))

    def _uses(self, generation: int, paths: Sequence[str]) -> None:
        """The live code or a candidate uses these files: have them watched. Older code does not count."""
        snapshot = self.generations.snapshot_of(generation)
        if snapshot is not None:
            # What a snapshot lacks was looked for and not found: making it may be the cure of a refusal.
            self.eyes.attend([(path, digest_in(snapshot, path)) for path in paths])
            if commands := self.generations.used(generation, paths):
                self._apply(commands)

    def _opened(self, message: wire.Opened) -> None:
        """The app has run or read these by itself: watch them, and know what it found."""
        snapshot = self.generations.snapshot_of(message.generation)
        if snapshot is None:
            return
        for file in message.files:
            self._joins(message.generation, Source(file.path, file.digest, None))
            self.eyes.attend([(file.path, digest_in(snapshot, file.path))], as_data=not file.executed)
        run = [file.path for file in message.files if file.executed]
        if commands := self.generations.used(message.generation, run):
            self._apply(commands)

    def _worker_ready(self, worker: Worker, message: wire.BootDone) -> None:
        record = self._record(worker)
        stranger = record.orphan and worker.generation != self.generations.live
        if record.state in ("failed", "abandoned") or stranger:
            return
        self.terminals.prompts.ready(worker)
        record.step("accept")
        record.import_ms = message.import_ms
        capacity: dict[JobKind, int] = {"native": message.capacity}
        if message.app:
            capacity["app"] = message.app_capacity
        self.clients.dispatcher.accept(worker, capacity)
        times = {"fork": worker.started.fork_ms, "import": message.import_ms, "start": message.start_ms}
        self._timelines.step(worker.generation, times)
        self._emit(
            events.WorkerReady(
                worker=worker.id,
                generation=worker.generation,
                docs=message.docs,
                logs_requests=message.logs_requests,
            )
        )
        self.supervisor.send(message)
        if commands := self.generations.ready(decisions.Booted(message, worker.started)):
            self._apply(commands)
        self.clients.dispatcher.pump()
        for other in list(self._workers.values()):
            if other.generation < self.generations.live and self.clients.dispatcher.is_idle(other):
                self._worker_idle(other)

    async def _expect(self) -> None:
        """The first start has failed: if the target seems to serve TCP, its clients may connect and wait."""
        await self.clients.look()
        if self.clients.seems_native and not self.generations.live:
            await self.listen_policy.follow(True)

    async def _follow(self, tcp: bool, first: bool) -> None:
        """Open or close the default listener as the new code asks for it; the first time, say ready."""
        await self.listen_policy.follow(tcp)
        if first:
            self._emit(events.Ready(generation=self.generations.live, listeners=self.listen_policy.all))
        self.eyes.survey()

    def _do(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` beside everything else; an error of it ends the run."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), DevserverError):
            self._fail(error)

    def _worker_idle(self, worker: Worker) -> None:
        self.supervisor.worker_idle(self._record(worker))

    def _record(self, worker: Worker) -> WorkerRecord:
        return self.supervisor.workers[worker.id]

    def _boot_aborted(self, generation: int, verdict: str) -> None:
        """A candidate ended that never had a process."""
        if verdict == DROPPED:
            self._apply(self.generations.superseded(generation))
        else:
            self._apply(self.generations.failed(generation, _silent_failure(verdict)))

    def _worker_removed(self, worker: WorkerRecord, reason: str, exited: wire.WorkerGone | None) -> None:
        self._changed()
        if worker.orphan or not worker.booting:
            return
        if exited is not None and exited.verdict == DROPPED:
            self._apply(self.generations.superseded(worker.generation))
            return
        verdict = exited.verdict if exited else ""
        told, stack = worker.failure, exited.stack if exited else ""
        failure = told.failure if told else _silent_failure(verdict or reason, stack)
        held = is_suspect(failure) and is_held(failure, held_by(self._live_pids()))
        again = self.generations.candidate(worker.generation)
        if not held and self._boots.boots_cold(worker, failure, exited, again):
            return
        if worker.generation == self.generations.live:
            self._emit(events.HandlerFailed(worker=worker.id, connection=0, failure=failure))
        else:
            self._steps = {}
            if told and told.uninstalled:
                self._awaited.begin()
            self._boot_failed(worker.generation, failure, held)

    def _boot_failed(self, generation: int, failure: Failure, held: bool) -> None:
        """Refuse a candidate or try it exclusively; name the option where that may be what it lacks."""
        boots = self.generations.replay()
        beside = any(each.generation == generation and each.handover == "overlap" for each in boots)
        commands = self.generations.failed(generation, failure, held)
        self._apply(commands)
        refused = any(isinstance(each, decisions.Refuse) for each in commands)
        if refused and beside and self.generations.live and is_suspect(failure):
            self._emit(events.Notice(level="info", text=EXCLUSIVE))
        if refused and self._created.owes(generation):
            self._reload()

    def _prompt_changed(self, worker: Worker, state: wire.DebuggerState) -> None:
        self.supervisor.send(state)
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
        self.clients.dispatcher.block(worker, state.active and state.blocks)

    def _live_pids(self) -> list[int]:
        live = self.generations.live
        return [each.pid for each in self._workers.values() if each.generation <= live]

    def _rehome(self) -> None:
        """Let no candidate be forgotten whose Manager is gone."""
        for boot in self.generations.replay():
            if not self.supervisor.pool.is_home(boot.generation):
                self._apply(self.generations.homeless(boot.generation))

    def _brief(self) -> None:
        """Tell a new Manager the live snapshot and the candidates."""
        send, live = self.supervisor.send, self.generations.live
        if live:
            handover: wire.Handover = "exclusive" if self.generations.handover == "exclusive" else "overlap"
            send(wire.Reload(live, 0, own_python(self.generations.snapshot.values()), handover, live=True))
        for boot in self.generations.replay():
            send(wire.Reload(boot.generation, boot.base, own_python(boot.changes), boot.handover))

    def _stamp(self) -> int:
        """Return the newest edit. What a transport's callback lets through would close its connection."""
        try:
            return self.eyes.newest_edit()
        except Exception as error:
            self._loop.call_exception_handler({"message": "the files' news failed", "exception": error})
            return self.generations.edit

    def _changed(self) -> None:
        self._load_report.touch()
        self.progress.set()


def _silent_failure(reason: str, stack: str = "") -> Failure:
    """Word the end of a Worker that could not say why."""
    message = f"the worker ended before it was ready ({reason})"
    return Failure(
        phase="import", type="WorkerExited", message=message, stack=thread_dump.trimmed(stack) or stack
    )


def _exclusive_sentence(failure: Failure) -> str:
    return (
        f"the new code could not start while the old worker was running ({failure}); retrying after it exits"
    )
