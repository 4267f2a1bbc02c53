"""A reload without a process: generations, boot policy, pool and fleets are real, the rest is simulated.

Nothing happens by itself: a test takes the steps one by one, in any order, or lets all of them happen.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

from devserver.common.failure import Failure
from devserver.ipc import messages
from devserver.ipc.messages import Source
from devserver.master.reload import commands as decisions
from devserver.master.reload.disk import own_python
from devserver.master.reload.generations import Generations
from devserver.master.supervision.boot_policy import BootPolicy
from devserver.master.supervision.commands import CancelBoot, Command, EndManager, SendTo
from devserver.master.supervision.worker_record import WorkerRecord
from tests.fakes.simulation.app_files import MAIN, PART, FileText
from tests.fakes.simulation.file_watch import SimulatedFileWatch
from tests.fakes.simulation.processes import (
    BLOCK,
    SimulatedManager,
    SimulatedStandby,
    SimulatedWorker,
    pool_of,
)


class SimulatedMaster:
    """Passes messages between the real parts, in the order of master.py and supervisor.py."""

    def __init__(self, slots: int, owns_port: bool) -> None:
        self.slots, self.owns_port = slots, owns_port
        self.now = 0.0
        self.disk: dict[str, FileText] = {MAIN: FileText(1, imports=(PART,)), PART: FileText(1)}
        self.book = Generations()
        self.outcomes: list[decisions.Command] = []
        """The commands that told the user what became of the code."""
        self.unlucky: set[int] = set()
        """Generations that were killed as they booted, or found the port taken: it was not their code."""
        self.workers: dict[int, SimulatedWorker] = {}
        self.managers: list[SimulatedManager] = []
        self.launching = True
        self.records: dict[int, WorkerRecord] = {}
        self.standby = SimulatedStandby(self)
        self.pool = pool_of(self, self.standby, self.records)
        self.watch = SimulatedFileWatch(self)
        self._newest_worker = 0
        self.boot_policy = BootPolicy(
            self.pool, self.send, self.do, lambda _event: None, lambda _fact: self.rehome(), warm=True
        )
        self.apply(self.book.start())

    # Managers

    def new_manager(self, **fate: bool) -> SimulatedManager:
        block = (self._newest_worker // BLOCK + 1) * BLOCK
        self._newest_worker = block
        self.managers.append(SimulatedManager(self, block + 1, **fate))
        return self.managers[-1]

    def launch(self) -> None:
        """Start a Manager, and send it what is live and what boots."""
        self.launching = False
        assert self.pool.launch()
        book = self.book
        if book.live:
            handover: messages.Handover = "exclusive" if book.handover == "exclusive" else "overlap"
            self.send(messages.Reload(book.live, 0, own_python(book.snapshot.values()), handover, live=True))
        for boot in book.replay():
            self.send(messages.Reload(boot.generation, boot.base, own_python(boot.changes), boot.handover))

    def manager_dies(self, manager: SimulatedManager) -> None:
        """Let it die: its Workers are orphans. Those that boot exit, the others go on serving."""
        if manager not in self.managers:
            return
        self.managers.remove(manager)
        live = self.book.live
        launch = self.pool.remove(manager.number, "SIGKILL")
        for process in [each for each in self.workers.values() if each.manager is manager]:
            process.record.manager = process.manager = None
            if process.exited:
                self.on_worker_gone(process, None)
            elif process.generation < live or (process.generation != live and not process.ready):
                process.exit(0)
        if launch:
            self.launching = True
        else:
            self.rehome()

    def relieve_orphans(self) -> None:
        for process in [each for each in self.workers.values() if each.orphan]:
            process.exit(0)

    def send(self, message: messages.ToManager) -> None:
        if not self.pool.serves:
            return
        if isinstance(message, messages.Reload) and message.handover == "exclusive":
            self.relieve_orphans()
        self.pool.send(message)

    def do(self, command: Command) -> None:
        """Carry out what pool and policy decide."""
        match command:
            case SendTo(number, message):
                for manager in self._numbered(number):
                    manager.send(message)
            case EndManager(number):
                for manager in self._numbered(number):
                    manager.doomed = True
            case CancelBoot(worker):
                worker.step("cancel")
                worker.process.signal(signal.SIGTERM)

    def _numbered(self, number: int) -> list[SimulatedManager]:
        return [manager for manager in self.managers if manager.number == number]

    def rehome(self) -> None:
        for boot in self.book.replay():
            if not self.pool.is_home(boot.generation):
                self.apply(self.book.on_manager_gone(boot.generation))

    # Workers

    def started(self, process: SimulatedWorker) -> None:
        self._newest_worker = max(self._newest_worker, process.id)
        self.workers[process.id] = process
        self.records[process.id] = process.record

    def end(self, worker: int, status: int) -> None:
        """Let a Worker exit that was killed, or that was ordered to leave and is idle."""
        if process := self.workers.get(worker):
            if not status:
                process.record.step("retire")
            process.exit(status)

    def has_rival(self, process: SimulatedWorker) -> bool:
        """Return whether another Worker has the app's port."""
        others = (each for each in self.workers.values() if each.generation != process.generation)
        return self.owns_port and any(each.ready and not each.exited for each in others)

    def on_message(self, process: SimulatedWorker, message: messages.FromWorker) -> None:
        generation = process.generation
        match message:
            case messages.Loaded():
                path = message.source.path
                if self.book.on_file_loaded(generation, message.source, self.watch.is_unread(path)):
                    self.send(message)
                self._uses(generation, (path,))
            case messages.Used():
                self._uses(generation, message.paths)
            case messages.BootFailed():
                self._uses(generation, message.paths)
            case messages.BootDone():
                self._ready(process, message)

    def _uses(self, generation: int, paths: Sequence[str]) -> None:
        snapshot = self.book.snapshot_of(generation)
        if snapshot is not None:
            self.watch.attend([(path, snapshot[path].digest if path in snapshot else b"") for path in paths])
            self.apply(self.book.on_files_used(generation, paths))

    def _ready(self, process: SimulatedWorker, message: messages.BootDone) -> None:
        stranger = process.orphan and process.generation != self.book.live
        if process.record.state in ("failed", "cancelled") or stranger:
            return
        process.record.step("accept")
        self.send(message)
        forked = messages.WorkerForked(process.id, process.slot, process.generation, 100 + process.id)
        self.apply(self.book.on_worker_ready(decisions.Booted(message, forked)))
        for other in list(self.workers.values()):
            if other.generation < self.book.live and not other.record.retired and not other.exited:
                if other.orphan:
                    other.exit(0)
                else:
                    self.send(messages.WorkerIdle(other.id))

    def worker_exited(self, exited: messages.WorkerGone) -> None:
        process = self.workers.get(exited.worker)
        if process is not None:
            self.on_worker_gone(process, exited)
        elif exited.verdict.startswith(messages.LEFT):
            if not self.boot_policy.left(self.book.candidate(exited.generation), exited.verdict):
                self.apply(self.book.on_candidate_dropped(exited.generation))
        elif exited.verdict == "dropped":
            self.apply(self.book.on_candidate_dropped(exited.generation))
        else:
            self.apply(
                self.book.on_boot_failed(exited.generation, Failure("import", "WorkerExited", "no process"))
            )

    def on_worker_gone(self, process: SimulatedWorker, exited: messages.WorkerGone | None) -> None:
        if self.workers.pop(process.id, None) is None:
            return
        del self.records[process.id]
        if process.orphan or not process.record.booting:
            return
        if exited is not None and exited.verdict == "dropped":
            self.apply(self.book.on_candidate_dropped(process.generation))
            return
        failure = process.failure or Failure("import", "WorkerExited", "killed")
        again = self.book.candidate(process.generation)
        if self.boot_policy.boots_cold(process.record, failure, exited, again):
            return
        if process.generation != self.book.live:
            if process.failure is None or process.failure.phase == "start-up":
                self.unlucky.add(process.generation)
            self.apply(self.book.on_boot_failed(process.generation, failure))

    # Generations

    def surveyed(self, files: Sequence[Source]) -> None:
        for file in files:
            if self.book.on_file_surveyed(file):
                self.send(messages.Loaded(0, self.book.live, file))

    def apply(self, commands: Sequence[decisions.Command]) -> None:
        for command in commands:
            match command:
                case decisions.Boot():
                    candidate = self.book.candidate(command.generation)
                    assert candidate is not None
                    self.boot_policy.order(command, candidate.snapshot)
                case decisions.Drop() | decisions.Cancel():
                    self.send(messages.Drop(command.generation))
                case decisions.GoLive():
                    self.pool.on_code_live(command.generation)
                    self.boot_policy.on_code_live(command.generation)
                    self._note(command)
                    self.watch.survey_due = True
                case decisions.Refuse() | decisions.Restore():
                    self._note(command)
        self.watch.attend_everything(self.book.needs_fix)

    def _note(self, command: decisions.Command) -> None:
        if isinstance(command, decisions.GoLive):
            before = [
                outcome.generation for outcome in self.outcomes if isinstance(outcome, decisions.GoLive)
            ]
            assert command.generation > max(before, default=0), "live numbers only grow"
            self.watch.kept = frozenset(file.path for file in own_python(self.book.snapshot.values()))
        self.outcomes.append(command)

    # Steps

    def _step(self) -> bool:
        for manager in self.managers:
            if manager.doomed:
                self.manager_dies(manager)
                return True
            if manager.inbox:
                manager.deliver()
                return True
        for process in self.workers.values():
            if not process.exited and not process.imported:
                process.boot()
                return True
            if not process.exited and not process.ready and not process.cancelled:
                process.start()
                return True
        if self.launching:
            self.launch()
        elif self.watch.unread:
            self.watch.settle()
        elif self.watch.survey_due:
            self.watch.survey()
        else:
            return any(manager.elapse() for manager in list(self.managers))
        return True

    def settle_everything(self) -> None:
        """Take every step that is left. Fails if there is no end to them."""
        for _ in range(2000):
            if not self._step():
                return
        raise AssertionError("it never comes to rest")
