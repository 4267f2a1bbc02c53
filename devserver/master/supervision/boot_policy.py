"""Where candidates boot, and which are retried without inherited modules.

Law: a Worker with inherited modules goes live only if it behaves as one that has imported them itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from devserver.common import events
from devserver.common.events import Event
from devserver.common.failure import Failure
from devserver.ipc import messages
from devserver.ipc.messages import ToManager
from devserver.master.reload.candidate import Candidate
from devserver.master.reload.commands import Boot
from devserver.master.reload.disk import Snapshot, own_python
from devserver.master.supervision.commands import CancelBoot, Command
from devserver.master.supervision.facts import CandidatesStranded
from devserver.master.supervision.manager_pool import ManagerPool
from devserver.master.supervision.preload_blame import may_be_inherited
from devserver.master.supervision.worker_record import WorkerRecord

_CODE = (".so", ".pyd", ".pyc", ".zip", ".egg", ".pth")
_SETTINGS = (".env", "pyproject.toml")
"""Files that an image does not know. It knows the data files that its import has read."""


class BootPolicy:
    """Chooses the Manager of each candidate. `send` takes the orders, `do` commands, `emit` events."""

    def __init__(
        self,
        pool: ManagerPool,
        send: Callable[[ToManager], None],
        do: Callable[[Command], None],
        emit: Callable[[Event], None],
        report: Callable[[CandidatesStranded], None],
        *,
        warm: bool = False,
    ) -> None:
        self._warm = warm
        self._live = 0
        self._fresh_from = 0
        """The first generation that was ordered since: no image of older code has what it imports."""
        self._pool = pool
        self._send = send
        self._do = do
        self._emit = emit
        self._report = report
        self._again: set[int] = set()
        """Generations that have failed with preloaded modules, and are tried without."""

    def order(self, boot: Boot, snapshot: Snapshot) -> None:
        """Order the best Manager to boot a candidate. `snapshot` is all that it runs."""
        cold = _cold([change.path for change in boot.changes])
        elsewhere = self._pool.choose(boot.handover, boot.changes, warm=self._warm and not cold)
        if self._pool.imports_differ:
            self._fresh_from = boot.generation
        if self._live < self._fresh_from:
            cold = cold or "installed packages have changed"
        base, changes = boot.base, own_python(boot.changes)
        if base and not self._pool.knows(base):
            base, changes = 0, own_python(snapshot.values())
        order = messages.Reload(boot.generation, base, changes, boot.handover, cold=cold, elsewhere=elsewhere)
        self._send(order)

    def left(self, again: Candidate | None, reason: str) -> bool:
        """Boot a candidate that no image can be copied for. `again` is None if it was dropped.

        Return False if the Manager that serves boots younger code already, which settles its edits.
        """
        pool = self._pool
        if again and pool.serves_younger(again.number):
            return False
        if again and (pool.take_standby() or pool.has_moved_on(again.number) or pool.start_cold()):
            sources = own_python(again.snapshot.values())
            self._send(messages.Reload(again.number, 0, sources, again.handover, cold=reason))
        self._report(CandidatesStranded())
        return True

    def on_imported(
        self, worker: WorkerRecord, message: messages.Imported, live: int, again: Candidate | None
    ) -> bool:
        """Record a Worker's imports, which the next ones may inherit. Return whether to reload.

        One that has inherited modules reports them before it is ready. If the app sets the environment
        differently now, they may differ from fresh imports. Then its generation is booted `again` (None: it
        is no candidate).
        """
        standby = self._pool.standby
        if worker.orphan or worker.state == "cancelled":
            return False
        went_live = self._fresh_from <= worker.generation <= live  # what is live now may be a copy of it
        if not self._pool.is_preloaded(worker.manager):
            if went_live:
                standby.on_imported(message, worker.import_ms)
            return False
        may_go_live = worker.booting and worker.generation >= live
        if may_go_live and (changed := standby.surroundings_changed(message)):
            text = f"the app now sets {', '.join(changed)} differently: this start imports everything again"
            self._emit(events.Notice(level="info", text=text))
            standby.forget()
            return not self._boot_cold(worker, again) and self._pool.start_cold()
        if went_live:
            standby.on_imported_later(message)
        return False

    def boots_cold(
        self,
        worker: WorkerRecord,
        failure: Failure,
        exited: messages.WorkerGone | None,
        again: Candidate | None,
    ) -> bool:
        """Boot a failed candidate `again` without preloaded modules, if they may be the reason."""
        if self._live:
            self._pool.standby.stop_deferring()
        inherits = self._pool.is_preloaded(worker.manager) or worker.process.way != "boot"
        if not inherits or not may_be_inherited(failure, exited) or not self._boot_cold(worker, again):
            return False
        self._again.add(worker.generation)
        why = "may have failed because of preloaded modules"
        text = f"generation {worker.generation} {why}; retrying without them"
        self._emit(events.Notice(level="warning", text=text, detail=str(failure)))
        return True

    def _boot_cold(self, worker: WorkerRecord, again: Candidate | None) -> bool:
        """Boot a candidate without preloaded modules. Return False without a candidate or a new Manager."""
        if again is None or again.handover == "exclusive" or not self._pool.start_cold():
            return False
        self._do(CancelBoot(worker))
        sources, cold = own_python(again.snapshot.values()), _cold(again.paths)
        self._send(messages.Reload(again.number, 0, sources, again.handover, cold=cold))
        self._report(CandidatesStranded())
        return True

    def on_code_live(self, generation: int) -> None:
        """Newer code is live. If it starts only without preloaded modules, turn preloading off."""
        if self._live:
            self._pool.standby.stop_deferring()
        self._live = generation
        if generation in self._again:
            self._pool.standby.enabled = False
            text = "it starts without preloaded modules, and not with them: preloading is off for this run"
            self._emit(events.Notice(level="warning", text=text))


def _cold(paths: Sequence[str]) -> str:
    """Return why everything has to be imported when these files have changed, "" if an image may do."""
    if not paths:
        return "a reload was asked for"
    names = [os.path.basename(path) for path in paths]
    other = next((name for name in names if name.endswith(_CODE) or name.startswith(_SETTINGS)), "")
    link = next((path for path in paths if _may_be_folder(path)), "")
    other = other or os.path.basename(link)
    return f"{other} has changed" if other else ""


def _may_be_folder(path: str) -> bool:
    """Return whether modules may lie behind a path: a link to a folder that is set elsewhere, or is gone."""
    return os.path.isdir(path) or not (os.path.splitext(path)[1] or os.path.exists(path))
