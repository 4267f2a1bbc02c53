"""Has candidates booted, where it is best, and anew where what they inherit may be what they fail of.

Law: a Worker that has inherited modules goes live only if it cannot be told from one that has imported them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from devserver.common import events
from devserver.common.events import Event
from devserver.common.failure import Failure
from devserver.ipc import messages as wire
from devserver.master.dispatch.worker import Worker
from devserver.master.reload import commands
from devserver.master.reload.disk import own_python
from devserver.master.reload.generations import Generations
from devserver.master.supervision.facts import CandidatesStranded
from devserver.master.supervision.preload_blame import may_be_inherited
from devserver.master.supervision.supervisor import Supervisor


class BootPolicy:
    """Between the book of generations and the Managers."""

    def __init__(
        self,
        generations: Generations,
        supervisor: Supervisor,
        emit: Callable[[Event], None],
        report: Callable[[CandidatesStranded], None],
    ) -> None:
        self._generations = generations
        self._supervisor = supervisor
        self._pool = supervisor.pool
        self._emit = emit
        self._report = report
        self._again: set[int] = set()
        """Generations that have failed with what was preloaded, and are tried without."""

    def order(self, boot: commands.Boot) -> None:
        """Have a candidate booted by the Manager that is best for it."""
        self._pool.relieve(boot.handover, boot.changes)
        self._send(boot)

    def _send(self, boot: commands.Boot) -> None:
        """Order it; a Manager that does not know the base is told the whole snapshot."""
        base, changes = boot.base, own_python(boot.changes)
        whole = self._generations.snapshot_of(boot.generation)
        if base and whole is not None and not self._pool.knows(base):
            base, changes = 0, own_python(whole.values())
        self._supervisor.send(wire.Reload(boot.generation, base, changes, boot.handover, cold=_cold(boot)))

    def imported(self, worker: Worker, message: wire.Imported) -> bool:
        """A Worker tells what it has imported: the next ones may inherit that. Return whether to reload.

        One that has inherited it tells before it is ready: if the app sets the environment otherwise now, its
        modules may not be what they would be, and its generation begins anew.
        """
        standby, live = self._pool.standby, worker.generation == self._generations.live
        if worker.orphan or worker.abandoned:
            return False
        if worker.manager is None or not worker.manager.preloaded:
            if live:
                standby.noted(message, worker.import_ms)
            return False
        may_go_live = not worker.ready and worker.generation >= self._generations.live
        if may_go_live and (changed := standby.surroundings_changed(message)):
            text = f"the app now sets {', '.join(changed)} differently: this start imports everything again"
            self._emit(events.Notice(level="info", text=text))
            standby.forget()
            return not self._begin_cold(worker) and self._pool.start_cold()
        if live:
            standby.added(message)
        return False

    def begins_cold(self, worker: Worker, failure: Failure, exited: wire.WorkerGone | None) -> bool:
        """A boot has failed: try it once more without preloaded modules, if they may be the reason."""
        preloaded = worker.manager is not None and worker.manager.preloaded
        if not preloaded or not may_be_inherited(failure, exited) or not self._begin_cold(worker):
            return False
        self._again.add(worker.generation)
        why = "may have failed because of preloaded modules"
        text = f"generation {worker.generation} {why}: once more without"
        self._emit(events.Notice(level="warning", text=text, detail=str(failure)))
        return True

    def _begin_cold(self, worker: Worker) -> bool:
        """Boot a candidate anew where nothing is preloaded; False: it is none, or no Manager can be had."""
        boot = next((b for b in self._generations.replay() if b.generation == worker.generation), None)
        if boot is None or boot.handover == "exclusive" or not self._pool.start_cold():
            return False
        worker.abandoned = True
        worker.signal(signal.SIGTERM)
        self._send(boot)
        self._report(CandidatesStranded())
        return True

    def went_live(self, generation: int) -> None:
        """Newer code is live. If it starts only without preloaded modules, there will be none in this run."""
        self._supervisor.went_live(generation)
        if generation in self._again:
            self._pool.standby.enabled = False
            text = "it starts without preloaded modules, and not with them: preloading is off for this run"
            self._emit(events.Notice(level="warning", text=text))


def _cold(boot: commands.Boot) -> str:
    """Return why everything has to be imported for a generation, "" if an image may do."""
    if not boot.changes:
        return "a reload was asked for"
    other = next((each.path for each in boot.changes if not each.path.endswith(".py")), "")
    return f"{os.path.basename(other)} has changed" if other else ""
