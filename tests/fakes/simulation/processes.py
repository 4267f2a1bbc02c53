"""Managers and Workers without processes: a Manager's fleet is real, a Worker simulates its imports."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from devserver.common.failure import Failure, Frame
from devserver.ipc import messages
from devserver.ipc.messages import Source
from devserver.manager.fleet import Fleet
from devserver.manager.protocol import (
    Elapsed,
    Event,
    Exited,
    Fork,
    Forked,
    GroupGone,
    ReadStack,
    SendToMaster,
    Signal,
    StackRead,
)
from devserver.master.dispatch.worker import Worker
from devserver.master.supervision.manager_pool import ManagerPool
from devserver.master.supervision.site_packages import SitePackages
from devserver.master.supervision.standby import StandbyManager
from devserver.master.supervision.worker_record import WorkerRecord
from tests.fakes.fleet import configure
from tests.fakes.simulation.app_files import MAIN, Broken, FileText, attempt, run, source

if TYPE_CHECKING:
    from tests.fakes.simulation.master import SimulatedMaster

BLOCK = 1000


class SnapshotOverDisk(dict[str, Source]):
    """A Worker's snapshot: a file that it lacks is read from the disk, once, and reported."""

    def __init__(
        self, snapshot: dict[str, Source], disk: dict[str, FileText], process: SimulatedWorker
    ) -> None:
        super().__init__(snapshot)
        self._disk, self._process = disk, process
        self.missing: list[str] = []

    def get(self, path: str, default: Any = None) -> Any:
        worker, generation = self._process.id, self._process.generation
        if path not in self and path in self._disk:
            self[path] = source(path, self._disk[path])
            self._process.send(messages.Loaded(worker, generation, self[path]))
        elif path in self and self[path].source is not None:
            self._process.send(messages.Used(worker, generation, (path,)))
        else:
            self.missing.append(path)
        return super().get(path, default)


class SimulatedWorker:
    """A Worker, as the Master and its boot policy know it, and what it has imported."""

    def __init__(
        self, master: SimulatedMaster, manager: SimulatedManager, fork: Fork, snapshot: dict[str, Source]
    ) -> None:
        self.master, self.manager = master, cast(Any, manager)
        self.id, self.slot, self.generation = fork.worker, fork.slot, fork.generation
        self.way = "boot"
        self.record = WorkerRecord(cast(Worker, self), manager.number, import_ms=1.0)
        self.imported = self.exited = False
        self.unfit = manager.unfit
        self.failure: Failure | None = None
        self.files = SnapshotOverDisk(snapshot, master.disk, self)
        self.ran: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Process({self.id})"

    @property
    def orphan(self) -> bool:
        return self.record.orphan

    @property
    def ready(self) -> bool:
        return self.record.state in ("serving", "retiring", "leaving")

    @property
    def cancelled(self) -> bool:
        return self.record.state == "cancelled"

    def send(self, message: messages.FromWorker) -> None:
        self.master.on_message(self, message)

    def signal(self, number: signal.Signals) -> None:
        self.exit(int(number))

    def exit(self, status: int) -> None:
        """Exit: its Manager will notice, or the Master if it is an orphan."""
        if self.exited:
            return
        self.exited = True
        if self.orphan:
            self.master.on_worker_gone(self, None)
        else:
            self.manager.inbox.append(Exited(self.id, status))

    def boot(self) -> None:
        """Import the app."""
        self.imported = True
        try:
            run(MAIN, self.files, self.ran)
        except Broken as error:
            self.failure = Failure("import", "ImportError", str(error))
        if self.failure is None and self.unfit:
            self.failure = Failure(
                "import", "OSError", "unfit", frames=(Frame("/site-packages/x.py", 1, ""),)
            )

    def start(self) -> None:
        """Report that it is ready, or why it failed."""
        if self.failure is None and self.master.has_rival(self):
            self.failure = Failure("start-up", "OSError", "port in use")
        if self.failure is None:
            self.send(messages.BootDone(self.id, self.generation, ()))
        else:
            paths = (*self.ran, *self.files.missing)
            self.send(messages.BootFailed(self.id, self.generation, self.failure, paths))
            self.exit(3 << 8)

    def reach(self, path: str) -> None:
        """Import a module late, in a request."""
        attempt(path, self.files, self.ran)


class SimulatedManager:
    """A Manager: a real fleet, and the events that have not reached it yet."""

    def __init__(
        self, master: SimulatedMaster, first_worker: int, *, preloaded: bool = False, unfit: bool = False
    ) -> None:
        self.master, self.preloaded, self.unfit = master, preloaded, unfit
        self.number = first_worker // BLOCK
        live = master.book.live
        settings = configure(slots=master.slots, boot_timeout=0.0, drain=5.0, first_boot=not live)
        self.fleet = Fleet(_numbered(settings, first_worker))
        self.inbox: list[Event] = []
        self.doomed = False

    def __repr__(self) -> str:
        return f"Post({self.number})"

    def send(self, message: messages.ToManager) -> None:
        self.inbox.append(cast(Event, message))

    def deliver(self) -> None:
        """Let the next event reach it."""
        for command in self.fleet.handle(self.inbox.pop(0), self.master.now):
            match command:
                case Fork():
                    process = SimulatedWorker(
                        self.master, self, command, dict(self.fleet.snapshots[command.generation])
                    )
                    self.master.started(process)
                    self.inbox.insert(0, Forked(command.worker, 100 + command.worker))
                case Signal(worker, number, _) if number:
                    self.master.end(worker, number)
                case ReadStack(worker):
                    self.inbox.append(StackRead(worker, ""))
                case SendToMaster(messages.WorkerGone() as exited):
                    if exited.pid:
                        self.inbox.append(GroupGone(exited.worker))
                    self.master.worker_exited(exited)
                case SendToMaster(messages.Retire(worker)):
                    self.master.end(worker, 0)
                case SendToMaster(messages.RollDone()):
                    self.master.relieve_orphans()
        self.doomed = self.doomed or self.fleet.done

    def elapse(self) -> bool:
        """Move the clock to its next deadline. Returns whether it has one."""
        if self.fleet.deadline is None:
            return False
        self.master.now = max(self.master.now, self.fleet.deadline)
        self.inbox.append(Elapsed())
        self.deliver()
        return True


def _numbered(settings: messages.Configure, first_worker: int) -> messages.Configure:
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return messages.Configure(**{**values, "first_worker": first_worker})


class SimulatedStandby:
    """A standby whose Managers have preloaded; each is listed with whether its Workers cannot start."""

    def __init__(self, master: SimulatedMaster) -> None:
        self.master = master
        self.enabled = True
        self.manager = None
        self.prepared: list[bool] = []

    def is_hidden_by(self, names: Iterable[str]) -> bool:
        return False

    def forget(self) -> None:
        self.prepared.clear()

    def stop_deferring(self) -> None:
        """It does not wait."""

    @property
    def ready(self) -> bool:
        return bool(self.prepared) and self.enabled

    def take(self) -> int | None:
        if not self.ready:
            return None
        return self.master.new_manager(preloaded=True, unfit=self.prepared.pop()).number


class UnchangedPackages:
    """Installed packages that never change."""

    leads_elsewhere = False

    def may_have_changed(self) -> bool:
        return False

    def has_changed(self) -> bool:
        return False


class SimulatedLauncher:
    """Starts simulated Managers."""

    def __init__(self, master: SimulatedMaster) -> None:
        self.master = master

    def start(self) -> int:
        return self.master.new_manager().number

    start_beside = start

    def stop(self) -> None:
        pass


def pool_of(
    master: SimulatedMaster, standby: SimulatedStandby, workers: dict[int, WorkerRecord]
) -> ManagerPool:
    """Return a real pool of simulated Managers."""
    installed = cast(SitePackages, UnchangedPackages())
    launcher = SimulatedLauncher(master)
    return ManagerPool(launcher, master.do, cast(StandbyManager, standby), installed, workers, ())
