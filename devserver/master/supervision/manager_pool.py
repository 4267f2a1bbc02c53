"""Which Manager gets the next candidates, and how another one takes its place: Managers are numbers here.

Law: a generation has one home, the Manager that gets every order about it. A Manager that has the live
code's Workers keeps them until newer code is live elsewhere. Then it drains them and exits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from devserver.ipc import messages
from devserver.ipc.messages import ToManager
from devserver.master.supervision.commands import Command, EndManager, Later, SendTo, Watch
from devserver.master.supervision.facts import ManagerOverdue
from devserver.master.supervision.site_packages import SitePackages, top_level
from devserver.master.supervision.standby import StandbyManager
from devserver.master.supervision.worker_record import WorkerRecord


class Launcher(Protocol):
    """Starts Managers; returns None if no process or descriptor is left for one."""

    def start(self) -> int | None:
        """Start one that serves from now on."""

    def start_beside(self) -> int | None:
        """Start one beside the one that serves."""

    def stop(self) -> None:
        """Start none beside another any more."""


class ManagerPool:
    """`serving` gets the next candidates; an *elder* keeps its Workers until newer code is live elsewhere.

    `do` takes its commands. Whether a Manager can be started decides what follows, so that is asked of the
    `launcher`. `workers` are all that live; the app's own modules are imported from the folders `search`.
    """

    def __init__(
        self,
        launcher: Launcher,
        do: Callable[[Command], None],
        standby: StandbyManager,
        installed: SitePackages,
        workers: Mapping[int, WorkerRecord],
        search: tuple[str, ...],
    ) -> None:
        self._launcher = launcher
        self._do = do
        self.standby = standby
        self._installed = installed
        self._workers = workers
        self._search = search
        self.serving: int | None = None
        self.elders: list[int] = []
        self._homes: dict[int, int] = {}
        self._preloaded: set[int] = set()
        """Managers whose Workers inherit modules."""
        self._lost: set[int] = set()
        """Managers that take no more orders, and have yet to be reaped."""
        self._live = 0
        self._stopping = False
        self.imports_differ = False
        """What is installed had changed, or a new file hid it, when the last candidate was ordered."""

    @property
    def serves(self) -> bool:
        """Return whether there is a Manager that takes orders."""
        return self.serving is not None and self.serving not in self._lost

    @property
    def all(self) -> list[int]:
        """Return every Manager that may have Workers."""
        return [*self.elders, *([] if self.serving is None else [self.serving])]

    def is_preloaded(self, manager: int | None) -> bool:
        """Return whether a Manager's Workers inherit modules that it has imported."""
        return manager in self._preloaded

    # orders

    def send(self, message: ToManager) -> None:
        """Send an order to the Manager that it concerns."""
        match message:
            case messages.Reload():
                assert self.serving is not None, "an order needs a Manager that serves"
                self._homes[message.generation] = self.serving
                self._do(SendTo(self.serving, message))
            case messages.Loaded():
                for manager in self.all:
                    self._do(SendTo(manager, message))
            case messages.Drop(generation=generation):
                self._send_to(self.home(generation), message)
            case (
                messages.BootDone(worker=number)
                | messages.WorkerIdle(worker=number)
                | messages.LeaveWithin(worker=number)
                | messages.DebuggerState(worker=number)
            ):
                if worker := self._workers.get(number):
                    self._send_to(worker.manager, message)
            case _:
                raise AssertionError(f"no single Manager gets {message!r:.200}")

    def _send_to(self, manager: int | None, message: ToManager) -> None:
        if manager is not None:
            self._do(SendTo(manager, message))

    def home(self, generation: int) -> int | None:
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
        return self.home(generation) == self.serving

    def serves_younger(self, generation: int) -> bool:
        """Return whether the Manager that serves was given a younger generation, and not this one."""
        return any(
            number > generation and home == self.serving for number, home in self._homes.items()
        ) and not self.knows(generation)

    def has_moved_on(self, generation: int) -> bool:
        """Return whether another Manager serves than the one that was given a generation."""
        return self.serves and self.home(generation) != self.serving

    # which one serves

    def launch(self) -> bool:
        """Start a Manager that serves from now on; return False if none can be started."""
        manager = self._launcher.start()
        if manager is not None:
            self.promote(manager)
        return manager is not None

    def promote(self, manager: int) -> None:
        """Let a Manager take the next candidates; the one before, if there is one, keeps what it has."""
        if self.serving is not None:
            self.elders.append(self.serving)
        self.serving = manager
        self._do(Watch(manager))

    def is_due(self, manager: int) -> bool:
        """Return whether a boot or an exit is expected, which only this Manager can end or report."""
        return any(each.manager == manager and each.state != "serving" for each in self._workers.values())

    def choose(
        self, handover: messages.Handover, changes: Iterable[messages.Source], *, warm: bool = False
    ) -> bool:
        """Let the best Manager serve the candidate that is ordered next.

        `warm`: an image of the live code may do. Return whether another Manager is better if it will not.

        An exclusive candidate goes to the Manager whose Workers are in its way, and older candidates end: one
        elsewhere would take what it needs. Preloaded modules are useless once other packages are installed,
        or a new file of the app has the name of one. While no Manager serves, this does nothing: the one that
        is launched next gets all candidates.
        """
        self.imports_differ = self._installed.may_have_changed()
        if not self.serves:
            return False
        if handover == "exclusive":
            replaced = self.recall(self._live)
            rivals = {manager for number, manager in self._homes.items() if number > self._live}
            for manager in sorted(
                {*rivals.intersection(self.elders), *([] if replaced is None else [replaced])}
            ):
                self._do(EndManager(manager))
            return False
        names = filter(None, (top_level(each.path, self._search) for each in changes))
        hidden = self.standby.is_hidden_by(names)
        self.imports_differ = self._installed.has_changed() or hidden
        if self.imports_differ:
            self.standby.forget()
            if self.is_preloaded(self.serving) or self._installed.leads_elsewhere:
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
        self._preloaded.add(standby)
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
            self._do(SendTo(useless, messages.Stop(0)))
        self.promote(manager)
        return True

    def recall(self, generation: int) -> int | None:
        """Let the home of a generation serve again, if that is an elder; return the Manager it replaces."""
        home, replaced = self.home(generation), self.serving
        if home is None or home == replaced:
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
                self._do(SendTo(elder, messages.StandDown()))

    def on_preload_report(self, manager: int, message: messages.Preloading | messages.PreloadDone) -> None:
        """A Manager preloads, or has finished preloading."""
        if manager == self.standby.manager:
            self.standby.on_preload_report(message)

    def on_image_state(self, manager: int, message: messages.ImageState) -> bool:
        """A Manager has an image, or has none any more. Return whether it is the one that serves."""
        serves = manager == self.serving
        if serves and message.state == "none":
            self.standby.stop_deferring()
        return serves

    def on_lost(self, manager: int) -> None:
        """A Manager takes no more orders: it exits."""
        self._lost.add(manager)

    def remove(self, manager: int, reason: str) -> bool:
        """Remove a Manager that has exited; return whether to launch one that serves.

        If another has the live code's Workers, that one serves again. If it had them itself though another
        serves, the other is killed, too: the next Manager gets the live snapshot and all candidates.
        """
        self._lost.discard(manager)
        if manager == self.standby.manager:
            self.standby.on_exited(reason)
            return False
        live_here = self.home(self._live) == manager
        served = manager == self.serving
        if served:
            self.serving = None
        elif manager in self.elders:
            self.elders.remove(manager)
        if live_here and not served and self.serving is not None and not self._stopping:
            self._do(EndManager(self.serving))
        if served:
            self.recall(self._live)
            if self.is_preloaded(manager):
                self.standby.forget()
        self._preloaded.discard(manager)
        return self.serving is None and served and not self._stopping

    def stop(self, seconds: float, last: float) -> None:
        """Order every Manager to exit within so many seconds; `last` seconds later they are overdue."""
        self._stopping = True
        self._launcher.stop()
        self.standby.discard()
        for manager in self.all:
            self._do(SendTo(manager, messages.Stop(seconds)))
            self._do(Later(seconds + last, ManagerOverdue(manager)))
