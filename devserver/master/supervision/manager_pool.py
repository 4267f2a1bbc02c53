"""Which Manager gets the next candidates, and how another one takes its place.

Law: a generation has one home, the Manager that gets every order about it. A Manager that has the live
code's Workers keeps them until newer code is live elsewhere. Then it drains them and exits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from devserver.ipc import messages
from devserver.ipc.messages import ToManager
from devserver.master.supervision.commands import Later
from devserver.master.supervision.facts import ManagerOverdue
from devserver.master.supervision.manager import Manager
from devserver.master.supervision.site_packages import SitePackages, top_level
from devserver.master.supervision.standby import StandbyManager
from devserver.master.supervision.worker_record import WorkerRecord


class Launcher(Protocol):
    """Starts Managers; returns None if no process or descriptor is left for one."""

    def start(self) -> Manager | None:
        """Start one that serves from now on."""

    def start_beside(self) -> Manager | None:
        """Start one beside the one that serves."""

    def stop(self) -> None:
        """Start none beside another any more."""


class ManagerPool:
    """`serving` gets the next candidates; an *elder* keeps its Workers until newer code is live elsewhere.

    `workers` are all that live; `search` are the folders that the app's own modules are imported from.
    """

    def __init__(
        self,
        launcher: Launcher,
        standby: StandbyManager,
        installed: SitePackages,
        workers: Mapping[int, WorkerRecord],
        search: tuple[str, ...],
    ) -> None:
        self._launcher = launcher
        self.standby = standby
        self._installed = installed
        self._workers = workers
        self._search = search
        self.serving: Manager | None = None
        self.elders: list[Manager] = []
        self._homes: dict[int, Manager] = {}
        self._live = 0
        self._stopping = False

    @property
    def serves(self) -> bool:
        """Return whether there is a Manager that takes orders."""
        return self.serving is not None and not self.serving.gone

    @property
    def all(self) -> list[Manager]:
        """Return every Manager that may have Workers."""
        return [*self.elders, *([self.serving] if self.serving else [])]

    # orders

    def send(self, message: ToManager) -> None:
        """Send an order to the Manager that it concerns."""
        match message:
            case messages.Reload():
                assert self.serving is not None, "an order needs a Manager that serves"
                self._homes[message.generation] = self.serving
                self.serving.send(message)
            case messages.Loaded():
                for manager in self.all:
                    manager.send(message)
            case messages.Drop(generation=generation):
                if home := self.home(generation):
                    home.send(message)
            case (
                messages.BootDone(worker=number)
                | messages.WorkerIdle(worker=number)
                | messages.LeaveWithin(worker=number)
                | messages.DebuggerState(worker=number)
            ):
                if worker := self._workers.get(number):
                    worker.tell_manager(message)
            case _:
                raise AssertionError(f"no single Manager gets {message!r:.200}")

    def home(self, generation: int) -> Manager | None:
        """Return the Manager that was given a generation, if it is still there."""
        found = self._homes.get(generation)
        return found if found in self.all else None

    def is_home(self, generation: int) -> bool:
        """Return whether a Manager that is still there was given a generation; always, while none serves.

        The one that serves next gets the live snapshot and all candidates.
        """
        return not self.serves or self.home(generation) is not None

    def knows(self, generation: int) -> bool:
        """Return whether the Manager that serves has the snapshot of `generation`."""
        return self.home(generation) is self.serving

    # which one serves

    def launch(self) -> bool:
        """Start a Manager that serves from now on; return False if none can be started."""
        manager = self._launcher.start()
        if manager is not None:
            self.promote(manager)
        return manager is not None

    def promote(self, manager: Manager) -> None:
        """Let a Manager take the next candidates; the one before, if there is one, keeps what it has."""
        if self.serving is not None:
            self.elders.append(self.serving)
        self.serving = manager
        manager.watch(lambda: self._is_due(manager))

    def _is_due(self, manager: Manager) -> bool:
        """Return whether a boot or an exit is expected, which only this Manager can end or report."""
        return any(each.manager is manager and each.state != "serving" for each in self._workers.values())

    def choose(
        self, handover: messages.Handover, changes: Iterable[messages.Source], *, warm: bool = False
    ) -> bool:
        """Let the best Manager serve the candidate that is ordered next.

        `warm`: an image of the live code may do. Return whether another Manager is better if it will not.

        An exclusive candidate goes to the Manager whose Workers are in its way. Preloaded modules are useless
        once other packages are installed, or a new file of the app has the name of one. While no Manager
        serves, this does nothing: the one that is launched next gets all candidates.
        """
        if not self.serves:
            return False
        if handover == "exclusive":
            if replaced := self.recall(self._live):
                replaced.kill()
            return False
        names = filter(None, (top_level(each.path, self._search) for each in changes))
        hidden = self.standby.is_hidden_by(names)
        if self._installed.has_changed() or hidden:
            self.standby.forget()
            if self.serving is not None and (self.serving.preloaded or self._installed.leads_elsewhere):
                self.start_cold()
        elif warm and self.standby.ready and self.knows(self._live):
            return True
        else:
            self.take_standby()
        return False

    def take_standby(self) -> bool:
        """Let the Manager that has preloaded have the next candidates; False: it is not ready."""
        standby = self.standby.take() if self.serves else None
        if standby is None:
            return False
        standby.preloaded = True
        self.promote(standby)
        return True

    def start_cold(self) -> bool:
        """Give the next candidates to a Manager without preloaded modules; False: none can be started."""
        manager = self._launcher.start_beside() if self.serves else None
        if manager is None:
            return False
        self.standby.forget()  # the next Worker reports its imports: another standby can be prepared
        useless = None if self.knows(self._live) else self.serving
        if useless is not None:
            self.serving = None
            useless.send(messages.Stop(0))
        self.promote(manager)
        return True

    def recall(self, generation: int) -> Manager | None:
        """Let the home of a generation serve again, if that is an elder; return the Manager it replaces."""
        home, replaced = self.home(generation), self.serving
        if home is None or home is replaced:
            return None
        self.elders.remove(home)
        self.serving = home
        return replaced

    # facts

    def on_code_live(self, generation: int) -> None:
        """Newer code is live: let Managers that have only older Workers drain them and exit."""
        self._live = generation
        self._homes = {number: manager for number, manager in self._homes.items() if number >= generation}
        for elder in self.elders:
            if elder not in self._homes.values():
                elder.send(messages.StandDown())

    def on_preload_report(
        self, manager: Manager, message: messages.Preloading | messages.PreloadDone
    ) -> None:
        """A Manager preloads, or has finished preloading."""
        if manager is self.standby.manager:
            self.standby.on_preload_report(message)

    def remove(self, manager: Manager, reason: str) -> bool:
        """Remove a Manager that has exited; return whether to launch one that serves.

        If another has the live code's Workers, that one serves again. If it had them itself though another
        serves, the other is killed, too: the next Manager gets the live snapshot and all candidates.
        """
        if manager is self.standby.manager:
            self.standby.on_exited(reason)
            return False
        live_here = self.home(self._live) is manager
        served = manager is self.serving
        if served:
            self.serving = None
        elif manager in self.elders:
            self.elders.remove(manager)
        if live_here and not served and self.serving is not None and not self._stopping:
            self.serving.kill()
        if served:
            self.recall(self._live)
            if manager.preloaded:
                self.standby.forget()
        return self.serving is None and served and not self._stopping

    def stop(self, seconds: float, last: float) -> list[Later]:
        """Order every Manager to exit within so many seconds; `last` seconds later they are overdue."""
        self._stopping = True
        self._launcher.stop()
        self.standby.discard()
        for manager in self.all:
            manager.send(messages.Stop(seconds))
        return [Later(seconds + last, ManagerOverdue(manager)) for manager in self.all]
