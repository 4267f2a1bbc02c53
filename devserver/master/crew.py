"""The Manager that serves now, and every Worker, whoever forked it.

When the Manager dies its Workers are orphans: they serve on, another Manager is launched and told everything,
and once that one has filled the slots the orphans are retired over their lanes and, if need be, by pidfd.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import assert_never

from devserver import events
from devserver.config import Config
from devserver.events import Event
from devserver.master.managers import FIRST_PAUSE, LONGEST_PAUSE, Manager, exit_reason
from devserver.master.switchboard import Switchboard
from devserver.master.workers import Worker, WorkerHub
from devserver.wire import messages as wire
from devserver.wire.messages import FromManager, FromWorker, ToManager

LAST_WARNING = 1.0
"""Seconds between SIGTERM and SIGKILL."""


@dataclass(frozen=True, slots=True)
class CrewHub:
    """Where the crew's news goes."""

    heard: Callable[[Worker, FromWorker], None]
    buried: Callable[[Worker, str, wire.WorkerExited | None], None]
    stillborn: Callable[[int, str], None]
    """A Worker of that generation ended, with that verdict, before it had a process."""
    reload_asked: Callable[[], None]
    briefing: Callable[[], Iterable[ToManager]]
    """What a new Manager must be told after Configure."""
    live: Callable[[], int]


class Crew:
    """Launches, replaces and addresses the Manager; buries Workers."""

    def __init__(
        self,
        config: Config,
        terminal: bool,
        board: Switchboard,
        emit: Callable[[Event], None],
        hub: CrewHub,
    ) -> None:
        self._config = config
        self._terminal = terminal
        self._board = board
        self._emit = emit
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._worker_hub = WorkerHub(hub.heard, self._output, self._orphan_died)
        self._manager: Manager | None = None
        self._last_worker = 0
        self._pause = 0.0
        self._stopping = False
        self._paused = False
        self.gone = asyncio.Event()
        """Set when the crew was told to stop and the Manager has left."""

    def send(self, message: ToManager) -> None:
        """Give the Manager an order; while there is none, its successor's briefing will hold it."""
        if self._manager is not None and not self._manager.gone:
            self._manager.send(message)

    @property
    def manager_pid(self) -> int:
        """Return the Manager's process id, 0 if there is none just now."""
        return self._manager.pid if self._manager else 0

    def launch(self) -> None:
        """Start a Manager and tell it all that it has to know."""
        if self._stopping:
            return
        self._manager = Manager(self._message, self._manager_exited, self._loop)
        self._emit(events.ManagerStarted(pid=self._manager.pid))
        process = self._config.process
        self._manager.send(
            wire.Configure(
                target=self._config.target,
                root=self._config.watch.root,
                slots=process.workers,
                first_worker=self._last_worker + 1,
                terminal=self._terminal,
                boot_timeout=process.boot_timeout,
                drain=process.drain,
                loop=process.loop,
                first_boot=not self._hub.live(),
            )
        )
        for message in self._hub.briefing():
            self._manager.send(message)

    def pause_output(self, paused: bool) -> None:
        """Let what the app prints wait in its terminals, or read on."""
        if paused != self._paused:
            self._paused = paused
            for worker in self._board.workers.values():
                worker.pause_output(paused)

    # a debugger in a Worker

    def debugging(self, worker: Worker, message: wire.Debugging) -> None:
        """Tell all that a debugger has begun or ended, between what was printed before and after it."""
        worker.read_terminal()
        self.send(message)
        self._emit(events.Debugging(worker=worker.id, active=message.active))
        if message.active:
            worker.lane.send(message)

    def type(self, number: int, keys: bytes) -> None:
        """Put keys into the terminal of a Worker, if it still lives."""
        if worker := self._board.workers.get(number):
            worker.type(keys)

    def resize(self, number: int, columns: int, rows: int) -> None:
        """Give the terminal of a Worker the size of the user's."""
        if worker := self._board.workers.get(number):
            worker.resize(columns, rows)

    # the Manager's reports

    def _message(self, manager: Manager, message: FromManager, fds: list[int]) -> None:
        match message:
            case wire.WorkerStarted():
                self._worker_started(message, fds)
            case wire.Retire():
                self._retire(message.worker)
            case wire.WorkerExited():
                self._worker_exited(message)
            case wire.Rolled():
                self._pause = 0.0
                self._emit(events.Rolled(generation=message.generation))
                self._retire_orphans()
            case wire.ReloadAsked():
                self._hub.reload_asked()
            case wire.Said():
                self._emit(events.Notice(level=message.level, text=message.text, detail=message.detail))
            case _:
                assert_never(message)

    def _worker_started(self, message: wire.WorkerStarted, fds: list[int]) -> None:
        worker = Worker(message, fds, self._worker_hub, self._loop)
        if self._paused:
            worker.pause_output(True)
        self._last_worker = max(self._last_worker, worker.id)
        self._board.workers[worker.id] = worker
        self._board.dispatch.seats[worker.id] = worker.seat
        self._emit(
            events.WorkerStarted(
                worker=worker.id, slot=worker.slot, generation=worker.generation, pid=worker.pid
            )
        )

    def _retire(self, number: int) -> None:
        worker = self._board.workers.get(number)
        if worker is not None and not worker.seat.leaving:
            worker.seat.leaving = True
            self._emit(events.WorkerRetiring(worker=number))
            self.dismiss(worker)

    def dismiss(self, worker: Worker) -> None:
        """Tell a retiring Worker to leave, once it has nothing in hand."""
        if worker.seat.leaving and worker.idle and not worker.told_to_leave:
            worker.told_to_leave = True
            worker.lane.send(wire.Leave())

    def _worker_exited(self, message: wire.WorkerExited) -> None:
        worker = self._board.workers.get(message.worker)
        if worker is None:
            self._hub.stillborn(message.generation, message.verdict)
        else:
            self._bury(worker, exit_reason(os.waitstatus_to_exitcode(message.status)), message)

    def _bury(self, worker: Worker, reason: str, exited: wire.WorkerExited | None) -> None:
        worker.drain()
        verdict = exited.verdict if exited else ""
        self._emit(
            events.WorkerExited(
                worker=worker.id,
                slot=worker.slot,
                generation=worker.generation,
                pid=worker.pid,
                reason=f"{reason}, {verdict}" if verdict else reason,
                planned=worker.told_to_leave or self._stopping,
            )
        )
        self._board.buried(worker, f"{reason}, {verdict}" if verdict else reason)
        worker.close()
        self._hub.buried(worker, reason, exited)

    def _output(self, worker: int, text: str) -> None:
        self._emit(events.Output(worker=worker, text=text))

    # a Manager's death

    def _manager_exited(self, manager: Manager, reason: str) -> None:
        self._emit(events.ManagerExited(pid=manager.pid, reason=reason))
        if self._stopping:
            self.gone.set()
            return
        for worker in list(self._board.workers.values()):
            if worker.orphan:
                continue
            worker.adopt()
            if worker.generation != self._hub.live():
                self._end(worker)  # its boot begins anew under the next Manager
        self._loop.call_later(self._pause, self.launch)
        self._pause = min(max(FIRST_PAUSE, self._pause * 2), LONGEST_PAUSE)

    def _orphan_died(self, worker: Worker) -> None:
        with suppress(OSError):
            os.killpg(worker.pid, signal.SIGTERM)  # what it has left behind in its group
        self._bury(worker, "ended", None)

    def _retire_orphans(self) -> None:
        for worker in list(self._board.workers.values()):
            if worker.orphan:
                self.retire_orphan(worker)

    def retire_orphan(self, worker: Worker) -> None:
        """Let an orphan finish what it has, within the drain limit."""
        if not worker.seat.leaving:
            self._retire(worker.id)
            self._loop.call_later(self._config.process.drain, self._end, worker)

    def _end(self, worker: Worker) -> None:
        """End an orphan: by now it has had its time."""
        worker.signal(signal.SIGTERM)
        self._loop.call_later(LAST_WARNING, self._kill, worker)

    def _kill(self, worker: Worker) -> None:
        if worker.id in self._board.workers:
            worker.signal(signal.SIGKILL)

    # the end

    def stop(self, deadline: float) -> None:
        """End everything within `deadline` seconds (0: at once); `gone` is set when the Manager has left."""
        self._stopping = True
        for worker in list(self._board.workers.values()):
            if worker.orphan:
                self._retire(worker.id)
                self._loop.call_later(deadline, self._end, worker)
        if self._manager is None or self._manager.gone:
            self.gone.set()
            return
        self._manager.send(wire.Stop(deadline))
        self._loop.call_later(deadline + 3 * LAST_WARNING, self._manager.kill)

    def kill_orphans(self) -> None:
        """End at once what no Manager will end."""
        for worker in self._board.workers.values():
            if worker.orphan:
                worker.signal(signal.SIGKILL)
