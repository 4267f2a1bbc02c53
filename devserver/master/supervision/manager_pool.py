"""Which Manager gets the next candidates, and how another takes its place.

Law: a candidate is ordered of one Manager; whoever has the live code's Workers keeps them until newer code is
live elsewhere, then lets them finish and leaves.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable

from devserver.common import events
from devserver.common.events import Event
from devserver.common.working_folder import enter
from devserver.config import Config
from devserver.ipc import messages as wire
from devserver.ipc.messages import ToManager
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.supervision.debug_server import debug_server
from devserver.master.supervision.manager import LONGEST_PAUSE, Manager, ManagerFact
from devserver.master.supervision.manager_chain import ManagerChain
from devserver.master.supervision.site_packages import SitePackages, top_level
from devserver.master.supervision.standby import StandbyManager

BLOCK, MOST_FORKS = 1000, 100
"""Each further Manager numbers its Workers from a thousand on; at most so many are forked till it serves."""


class ManagerPool:
    """Starts Managers, and gives each order to the one whom it concerns."""

    def __init__(
        self,
        config: Config,
        terminal: bool,
        dispatcher: Dispatcher,
        emit: Callable[[Event], None],
        report: Callable[[ManagerFact], None],
    ) -> None:
        self._config = config
        self._terminal = terminal
        self._emit = emit
        self._dispatcher = dispatcher
        self._report = report
        self._live = 0
        self.last_worker = 0
        """The highest number of a Worker so far."""
        self._loop = asyncio.get_running_loop()
        self._chain = ManagerChain()
        self._installed = SitePackages()
        self._stopping = False
        self._folder = os.getcwd()
        own = (config.watch.root, *config.target.search)
        self.standby = StandbyManager(self._start_beside, emit, own, config.process.preload_exclude)
        self.standby.enabled = config.process.preload == "auto"

    @property
    def serves(self) -> bool:
        """Tell whether there is a Manager that can be given orders."""
        return self._chain.serving is not None and not self._chain.serving.gone

    @property
    def nobody_left(self) -> bool:
        """Tell whether every Manager that had Workers has ended."""
        return not self._chain.all

    def send(self, message: ToManager) -> None:
        """Give an order."""
        self._chain.send(message, self._dispatcher.workers)

    # starting them

    def launch(self) -> bool:
        """Start a Manager that serves from now on; False: there is no process or descriptor left for it."""
        manager = self._start(self.last_worker + 1)
        if manager is not None:
            self._promote(manager)
        return manager is not None

    def _start_beside(self) -> Manager | None:
        """Start a Manager beside the one that serves: its Workers' numbers begin a block of their own."""
        if self._stopping:
            return None
        block = (self.last_worker + MOST_FORKS) // BLOCK + 1
        return self._start(block * BLOCK + 1, standby=True)

    def _start(self, first_worker: int, *, standby: bool = False) -> Manager | None:
        enter(self._folder)  # another one may be there by now, and the Manager begins where we are
        try:
            manager = Manager(self._report, self._loop)
        except OSError as error:  # the Workers that there are serve on
            text = f"the manager cannot be started ({error}): once more in {LONGEST_PAUSE:g} s"
            self._emit(events.Notice(level="error", text=text))
            return None
        self._emit(events.ManagerStarted(pid=manager.pid, standby=standby))
        process = self._config.process
        manager.send(
            wire.Configure(
                worker=self._worker_settings(),
                slots=process.workers,
                first_worker=first_worker,
                terminal=self._terminal,
                boot_timeout=process.boot_timeout,
                drain=process.drain,
                first_boot=not self._live,
            )
        )
        return manager

    def _worker_settings(self) -> wire.WorkerSettings:
        process = self._config.process
        return wire.WorkerSettings(
            target=self._config.target,
            root=self._config.watch.root,
            loop=process.loop,
            threads=process.threads,
            access_log=process.access_log and not self._config.console.draws,
            notes=process.preload == "auto",
            warm=process.warm == "auto",
            debug_server=debug_server(),
            folder=self._folder,
        )

    def _promote(self, manager: Manager) -> None:
        self._chain.promote(manager)
        manager.watch(lambda: self._is_due(manager))

    def _is_due(self, manager: Manager) -> bool:
        """Return whether a boot or an exit is expected, which only this Manager can end or report."""
        workers = self._dispatcher.workers.values()
        mine = [worker for worker in workers if worker.manager is manager and not worker.orphan]
        return any(not worker.ready or self._dispatcher.is_retired(worker) for worker in mine)

    # another one for the next candidates

    def relieve(self, handover: wire.Handover, changes: Iterable[wire.Source]) -> None:
        """A candidate is about to be ordered: let the best Manager have it.

        An exclusive one is for the Manager whose Workers are in its way. What was preloaded is of no use once
        other packages are installed, or a new file of the app's bears the name of one. While nobody serves,
        whoever is launched next is told everything.
        """
        if not self.serves:
            return
        if handover == "exclusive":
            if replaced := self._chain.recall(self._live):
                replaced.kill()
            return
        search = self._config.target.search
        hidden = self.standby.is_hidden_by(filter(None, (top_level(each.path, search) for each in changes)))
        if self._installed.has_changed() or hidden:
            self.standby.forget()
            serving = self._chain.serving
            if serving is not None and (serving.preloaded or self._installed.leads_elsewhere):
                self.start_cold()
        elif (standby := self.standby.take()) is not None:
            standby.preloaded = True
            self._promote(standby)

    def start_cold(self) -> bool:
        """Let a Manager that has preloaded nothing have the next candidates; False: none can be started."""
        manager = self._start_beside() if self.serves else None
        if manager is None:
            return False
        self.standby.forget()  # the next Worker tells what it imports: another can be prepared
        useless = None if self.knows(self._live) else self._chain.serving
        if useless is not None:
            self._chain.remove(useless)
            useless.send(wire.Stop(0))
        self._promote(manager)
        return True

    def is_home(self, generation: int) -> bool:
        """Tell whether somebody who is still there was given a generation; always, if nobody serves now.

        Whoever serves next is told everything.
        """
        return not self.serves or self._chain.home(generation) is not None

    def knows(self, generation: int) -> bool:
        """Tell whether the Manager that serves has the snapshot of `generation`."""
        return self._chain.home(generation) is self._chain.serving

    def went_live(self, generation: int) -> None:
        """Newer code is live: whoever has only older Workers lets them finish, and leaves."""
        self._live = generation
        for elder in self._chain.outlived(generation):
            elder.send(wire.StandDown())

    # the end of one, and of all

    def heard(self, manager: Manager, message: wire.Preloading | wire.PreloadDone) -> None:
        """A Manager tells of its preloading."""
        if manager is self.standby.manager:
            self.standby.heard(message)

    def exited(self, manager: Manager, reason: str) -> bool:
        """A Manager has ended; tell whether one that serves is to be launched now.

        If another has the live code's Workers, that one serves again. If it had them itself though another
        serves, that one ends, too: the next is told all.
        """
        if manager is self.standby.manager:
            self.standby.exited(reason)
            return False
        live_here = self._chain.home(self._live) is manager
        served = manager is self._chain.serving
        self._chain.remove(manager)
        if live_here and not served and self._chain.serving is not None and not self._stopping:
            self._chain.serving.kill()
        if served:
            self._chain.recall(self._live)
            if manager.preloaded:
                self.standby.forget()
        return self._chain.serving is None and served and not self._stopping

    def stop(self, deadline: float, last: float) -> None:
        """Have every Manager end within `deadline` seconds, and `last` seconds later for certain."""
        self._stopping = True
        self.standby.discard()
        for manager in self._chain.all:
            manager.send(wire.Stop(deadline))
            self._loop.call_later(deadline + last, manager.kill)
