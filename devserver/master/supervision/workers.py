"""Every Worker, from its fork to its exit, whichever Manager has forked it: channels and pidfds.

Law: a retired Worker gets the order to exit over its link once it has no job in hand, and a time for it. Past
that its Manager kills it. If that Manager is dead, the Master does, by its pidfd.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import assert_never

from devserver.common import events
from devserver.common.events import Event
from devserver.config import Config
from devserver.ipc import messages
from devserver.ipc.messages import FromWorker
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import Worker
from devserver.master.supervision.commands import (
    CancelBoot,
    Command,
    Kill,
    Later,
    Retire,
    SendTo,
    Terminate,
    WorkerCommand,
)
from devserver.master.supervision.exit_wording import cancelled, ended
from devserver.master.supervision.facts import Fact, KillDue, WorkerAdded, WorkerDied, WorkerOverdue
from devserver.master.supervision.worker_record import WorkerRecord

STOP_PATIENCE = 0.5
"""Seconds that the server's stop leaves to tasks that jobs have begun and left behind."""
LAST_WARNING = 1.0
"""Seconds between SIGTERM and SIGKILL."""


class Workers:
    """Carries out what is decided about Workers.

    `report` takes their facts, `on_message` their messages, `do` what follows for their Managers.
    """

    def __init__(
        self,
        config: Config,
        dispatcher: Dispatcher,
        emit: Callable[[Event], None],
        report: Callable[[Fact], None],
        on_message: Callable[[Worker, FromWorker], None],
        do: Callable[[Command], None],
    ) -> None:
        self._config = config
        self._dispatcher = dispatcher
        self._emit = emit
        self._report = report
        self._on_message = on_message
        self._do = do
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        self.records: dict[int, WorkerRecord] = {}
        """All that have not exited, as far as is known."""

    @property
    def orphans(self) -> list[WorkerRecord]:
        """Return those whose Manager has died."""
        return [worker for worker in self.records.values() if worker.orphan]

    def carry_out(self, command: WorkerCommand) -> None:
        """Carry out what was decided."""
        match command:
            case Retire(worker):
                self.retire(worker)
            case CancelBoot(worker):
                worker.step("cancel")
                worker.process.signal(signal.SIGTERM)
            case Terminate(worker):
                worker.step("end")
                self._dispatcher.retire(worker.process)
                worker.process.signal(signal.SIGTERM)
                self._do(Later(LAST_WARNING, KillDue(worker)))
            case Kill(worker):
                worker.process.signal(signal.SIGKILL)
            case _:
                assert_never(command)

    # it comes

    def add(self, manager: int, forked: messages.WorkerForked, fds: list[int]) -> None:
        """A Manager has forked a Worker; `fds` are its link, its pidfd and perhaps its terminal."""
        worker = Worker(forked, fds, self._on_message, self._report, self._loop)
        self.records[worker.id] = WorkerRecord(worker, manager)
        self._report(WorkerAdded(worker))
        self._emit(
            events.WorkerStarted(
                worker=worker.id,
                slot=worker.slot,
                generation=worker.generation,
                pid=worker.pid,
                way=forked.way,
            )
        )

    def note(
        self, worker: Worker, message: messages.BootFailed | messages.Leaving | messages.TasksCancelled
    ) -> None:
        """Note what a Worker reports for its end."""
        record = self.records[worker.id]
        match message:
            case messages.BootFailed():
                record.failure = message
                record.step("fail")
            case messages.Leaving():
                self._leaving(record, message)
            case messages.TasksCancelled(tasks=tasks, in_hand=True):
                record.cut_short = tasks
            case messages.TasksCancelled(tasks=tasks):
                self._emit(cancelled(record, tasks, self._config.watch.root))

    # it leaves

    def retire(self, worker: WorkerRecord) -> None:
        """Start no more jobs on a Worker, and order it to exit once it has none in hand."""
        if worker.step("retire"):
            self._dispatcher.retire(worker.process)
            self._emit(events.WorkerRetiring(worker=worker.id))
            if self._dispatcher.is_idle(worker.process):
                self.leave(worker)

    def leave(self, worker: WorkerRecord) -> None:
        """Order a retiring Worker to exit: it has no job in hand."""
        if worker.step("leave"):
            patience = STOP_PATIENCE if self._stopping else self._config.http.stream_limit
            worker.process.link.send(messages.Leave(patience))
            self._leave_within(worker, patience + self._config.process.exit)

    def _leaving(self, worker: WorkerRecord, message: messages.Leaving) -> None:
        """A Worker that was ordered to exit has no job in hand, not even a task left behind."""
        worker.threads = message.threads
        if worker.state == "leaving":
            seconds = self._config.process.drain if message.unsent else self._config.process.exit
            self._leave_within(worker, seconds, held=not message.unsent)

    def _leave_within(self, worker: WorkerRecord, seconds: float, held: bool = True) -> None:
        if worker.manager is None:
            self._do(Later(seconds, WorkerOverdue(worker)))
        else:
            self._do(SendTo(worker.manager, messages.LeaveWithin(worker.id, seconds, held)))

    def disconnect(self, worker: WorkerRecord) -> None:
        """Its link is closed: it exits, or is of no use any more (the app has closed what is not its own)."""
        worker.step("disconnect")
        self._dispatcher.retire(worker.process)
        self._do(Later(LAST_WARNING, WorkerOverdue(worker)))

    def remove(self, worker: WorkerRecord, reason: str, exited: messages.WorkerGone | None) -> None:
        """A Worker has exited: read what it sent last, and report its death."""
        process, verdict = worker.process, exited.verdict if exited else ""
        cause = f"{reason}, {verdict}" if verdict else reason
        self._dispatcher.bar(process)  # without this its last messages would get it another job
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
        del self.records[worker.id]
        process.close()

    def stop(self) -> None:
        """Hurry those that leave: the server stops."""
        self._stopping = True
        for worker in self.records.values():
            if worker.state == "leaving":
                worker.process.link.send(messages.Leave(STOP_PATIENCE))
