"""The boots of candidates: where each is ordered, and what follows when one imports, fails or goes live.

A boot that may have failed because of what it inherited is tried again without; one that may have failed
because of the old Worker is tried again after it. Else the generation is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from devserver.common import events
from devserver.common.events import Event
from devserver.common.failure import Failure
from devserver.ipc.messages import LEFT, Imported, WorkerGone
from devserver.master.reload.boot_failure import boot_failure, silent_failure
from devserver.master.reload.commands import Boot, Command, Refuse, Suggest
from devserver.master.reload.contention import is_held, is_suspect
from devserver.master.reload.created_files import CreatedFiles
from devserver.master.reload.generations import Generations
from devserver.master.reload.held_resources import held_by
from devserver.master.reload.missing_package import MissingPackage
from devserver.master.reload.outcome import EXCLUSIVE
from devserver.master.supervision.boot_policy import BootPolicy
from devserver.master.supervision.worker_record import WorkerRecord

DROPPED = "dropped"
"""The Manager's verdict on a Worker whose generation is not needed any more."""


class Boots:
    """Decides by what the generations know; `workers` are all that live."""

    def __init__(
        self,
        generations: Generations,
        policy: BootPolicy,
        created: CreatedFiles,
        package: MissingPackage,
        workers: Mapping[int, WorkerRecord],
        emit: Callable[[Event], None],
    ) -> None:
        self._generations = generations
        self._policy = policy
        self._created = created
        self._package = package
        self._workers = workers
        self._emit = emit

    def order(self, boot: Boot) -> None:
        """Order the best Manager to boot a candidate."""
        candidate = self._generations.candidate(boot.generation)
        assert candidate is not None, "what boots is a candidate"
        self._created.on_boot_ordered(boot.generation)
        self._policy.order(boot, candidate.snapshot)

    def on_imported(self, worker: int, message: Imported) -> bool:
        """The next Workers may inherit what this one has imported; return whether to reload."""
        record, live = self._workers[worker], self._generations.live
        again = self._generations.candidate(record.generation)
        return self._policy.on_imported(record, message, live, again)

    def on_code_live(self, generation: int) -> None:
        """Newer code is live: it lacks no package."""
        self._policy.on_code_live(generation)
        self._package.end()

    def on_boot_aborted(self, generation: int, verdict: str) -> list[Command]:
        """Decide about a candidate that ended without ever having a process."""
        self._created.on_order_done(generation)
        if verdict.startswith(LEFT):
            candidate = self._generations.candidate(generation)
            if self._policy.left(candidate, verdict.removeprefix(LEFT)):
                return []
            verdict = DROPPED
        if verdict == DROPPED:
            return self._generations.on_candidate_dropped(generation)
        return self._generations.on_boot_failed(generation, silent_failure(verdict))

    def on_worker_exited(
        self, worker: WorkerRecord, reason: str, gone: WorkerGone | None
    ) -> list[Command] | None:
        """A Worker has exited; None: that decides nothing about its generation."""
        if worker.orphan or not worker.booting:
            return None
        if gone is not None and gone.verdict == DROPPED:
            return self._generations.on_candidate_dropped(worker.generation)
        failure = boot_failure(worker.failure, reason, gone)
        held = is_suspect(failure) and is_held(failure, held_by(self._live_pids()))
        candidate = self._generations.candidate(worker.generation)
        if not held and self._policy.boots_cold(worker, failure, gone, candidate):
            return None
        if worker.generation == self._generations.live:
            self._emit(events.HandlerFailed(worker=worker.id, connection=0, failure=failure))
            return None
        if worker.failure is not None and worker.failure.uninstalled:
            self._package.begin()
        return self._failed(worker.generation, failure, held)

    def _failed(self, generation: int, failure: Failure, held: bool) -> list[Command]:
        """Refuse a candidate or try it alone; name the option where that may be what it lacks."""
        candidate = self._generations.candidate(generation)
        beside = candidate is not None and candidate.handover == "overlap"
        commands = self._generations.on_boot_failed(generation, failure, held)
        if any(isinstance(command, Refuse) for command in commands):
            if beside and self._generations.live and is_suspect(failure):
                commands.append(Suggest(EXCLUSIVE))
            if self._created.should_retry(generation):
                commands += self._generations.on_reload_requested()
        return commands

    def _live_pids(self) -> list[int]:
        live = self._generations.live
        return [each.process.pid for each in self._workers.values() if each.generation <= live]
