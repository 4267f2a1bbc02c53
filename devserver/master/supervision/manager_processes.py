"""The processes of Managers, by number: starts and configures them, and carries out what is decided of them.

Law: a number is never used twice, and no two Managers number a Worker alike.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from itertools import count
from typing import assert_never

from devserver.common import events
from devserver.common.events import Event
from devserver.common.working_folder import enter
from devserver.config import Config
from devserver.ipc import messages
from devserver.master.supervision.commands import DiscardManager, EndManager, ManagerCommand, SendTo
from devserver.master.supervision.debug_server import debug_server
from devserver.master.supervision.manager import Manager, ManagerFact

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before the next Manager when several died without having served."""
BLOCK, MOST_FORKS = 1000, 100
"""Each further Manager numbers its Workers from a thousand on; at most so many are forked till it serves."""


class ManagerProcesses:
    """`report` takes the facts of all Managers."""

    def __init__(
        self,
        config: Config,
        terminal: bool,
        emit: Callable[[Event], None],
        report: Callable[[ManagerFact], None],
    ) -> None:
        self._config = config
        self._terminal = terminal
        self._emit = emit
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._folder = os.getcwd()
        self._numbers = count(1)
        self._managers: dict[int, Manager] = {}
        self.last_worker = 0
        """The highest number of a Worker so far."""
        self._block = 0
        """The last block that was given: Workers of it may not be known yet."""
        self._stopped = False
        self._first_boot = True

    def carry_out(self, command: ManagerCommand) -> None:
        """Carry out what was decided; nothing, if the Manager is dead."""
        manager = self._managers.get(command.manager)
        if manager is None:
            return
        match command:
            case SendTo(message=message):
                manager.send(message)
            case EndManager(why=""):
                manager.kill()
            case EndManager(why=why):
                manager.give_up(why)
            case DiscardManager(number):
                del self._managers[number]
                manager.discard()
            case _:
                assert_never(command)

    def on_died(self, number: int) -> None:
        """Forget a Manager that was reaped."""
        self._managers.pop(number, None)

    def on_worker_forked(self, number: int) -> None:
        """Note that a Worker of that number was forked."""
        self.last_worker = max(self.last_worker, number)

    def on_code_live(self) -> None:
        """Note that some code is live."""
        self._first_boot = False

    def stop(self) -> None:
        """Start no more Managers beside the one that serves."""
        self._stopped = True

    def start(self) -> int | None:
        """Start a Manager that serves from now on; return None if no process or descriptor is left for it."""
        return self._start(self.last_worker + 1)

    def start_beside(self) -> int | None:
        """Start a Manager beside the one that serves: its Workers' numbers begin a block of their own."""
        if self._stopped:
            return None
        self._block = max(self._block, (self.last_worker + MOST_FORKS) // BLOCK) + 1
        return self._start(self._block * BLOCK + 1, standby=True)

    def _start(self, first_worker: int, *, standby: bool = False) -> int | None:
        enter(self._folder)  # its path may lead to a new folder by now, and the Manager begins in ours
        number = next(self._numbers)
        try:
            manager = Manager(number, self._report, self._loop)
        except OSError as error:  # the Workers that there are serve on
            text = f"cannot start the manager ({error}); retrying in {LONGEST_PAUSE:g} s"
            self._emit(events.Notice(level="error", text=text))
            return None
        self._emit(events.ManagerStarted(pid=manager.pid, standby=standby))
        process = self._config.process
        manager.send(
            messages.Configure(
                worker=self._worker_settings(),
                slots=process.workers,
                first_worker=first_worker,
                terminal=self._terminal,
                boot_timeout=process.boot_timeout,
                drain=process.drain,
                first_boot=self._first_boot,
                margin=self._config.margin,
            )
        )
        self._managers[number] = manager
        return number

    def _worker_settings(self) -> messages.WorkerSettings:
        process = self._config.process
        return messages.WorkerSettings(
            target=self._config.target,
            root=self._config.watch.root,
            loop=process.loop,
            threads=process.threads,
            access_log=process.access_log and not self._config.console.draws,
            notes=process.preload == "auto",
            warm=process.warm == "auto",
            env_file=process.env_file,
            log_level=process.log_level,
            log_config=process.log_config,
            debug_server=debug_server(),
            folder=self._folder,
        )
