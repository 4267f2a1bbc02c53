"""Decides about the next Manager: it has already imported what Workers import and is not the app's own.

Law: no Worker is forked from it before it has reported what it has imported. If it crashes, hangs or is
spoilt, that costs a process which is not needed yet, and the next try goes without the module at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from devserver.common import events
from devserver.common.events import Event
from devserver.config import ProcessConfig
from devserver.ipc import messages
from devserver.master.supervision.commands import Command, DiscardManager, Later, SendTo
from devserver.master.supervision.facts import PreloadDue, PreloadOverdue
from devserver.master.supervision.surroundings import (
    conditions_changed,
    cut,
    cut_before,
    holds,
    variables_changed,
)

WORTH = 30.0
"""Milliseconds that installed modules have to take before a process that holds them is worth its memory."""
TRIES = 8
PATIENCE = 60.0
"""Seconds that one try may take."""
CALM = 0.5
"""Seconds without a report of imports before the standby Manager is prepared."""


class StandbyManager:
    """`launch` starts a Manager and returns its number; `do` takes commands, `emit` events for the user."""

    def __init__(
        self,
        launch: Callable[[], int | None],
        do: Callable[[Command], None],
        emit: Callable[[Event], None],
        own: tuple[str, ...],
        config: ProcessConfig,
    ) -> None:
        self._launch = launch
        self._do = do
        self._emit = emit
        self._own = own
        self._exclude = config.preload_exclude
        self.manager: int | None = None
        self.report: messages.Report | None = None
        """Its report; once it is there, the standby is ready."""
        self._basis: messages.Imported | None = None
        self._without: dict[str, str] = {}
        self._doubts: dict[str, bytes] = {}
        self._import_ms = 0.0
        self._changed: set[str] = set()
        """Variables that have changed: an import does not depend on one that changes twice."""
        self._suspected: dict[str, Any] = {}
        """Conditions that differed where modules were inherited, and how they were there."""
        self._distrusted: set[str] = set()
        """Conditions that differ by that alone: imports after the app's change of one are not preloaded."""
        self._reasons: set[str] = set()
        self._tries = 0
        self._last = ""
        self._ended = ""
        """Why the notes of the order ended before the imports did."""
        self._turn = 0
        """Of the timers: what is due of an earlier turn is late."""
        self.enabled = config.preload == "auto"
        self._deferred = config.warm == "auto"
        """An image may spare the next reload this process: until code changes it is not worth its memory."""

    # what the Workers report

    def on_imported(self, imported: messages.Imported, import_ms: float) -> None:
        """Record the imports of a Worker that was forked from a Manager without preloaded modules."""
        if self._suspected:
            self._distrusted |= self._suspected.keys() - holds(imported, self._suspected)
            self._suspected = {}
        worth = imported.installed_ms >= WORTH and imported.notes
        if import_ms >= WORTH and not imported.notes:
            self._report_once(imported.reason, import_ms)
        known = {note.name for note in self._basis.notes} if self._basis else set()
        if not self.enabled or not worth or known >= {note.name for note in imported.notes}:
            return
        self._basis, self._import_ms = imported, import_ms
        if not self._deferred:
            self._prepare_soon()

    def stop_deferring(self) -> None:
        """Prepare it: there is no image, or code changes, and the next change may need all imports."""
        if self._deferred:
            self._deferred = False
            if self._basis is not None:
                self._prepare_soon()

    def on_imported_later(self, imported: messages.Imported) -> None:
        """Record what a Worker with inherited modules has imported besides."""
        basis = self._basis
        if not self.enabled or basis is None:
            return
        known = {note.name for note in basis.notes}
        if not {note.name for note in imported.notes} - known:
            return
        shift = len(basis.surroundings)
        fresh = [
            msgspec.structs.replace(note, surroundings=note.surroundings + shift)
            for note in imported.notes
            if note.name not in known
        ]
        notes, table = (*basis.notes, *fresh), (*basis.surroundings, *imported.surroundings)
        reason = imported.reason or basis.reason
        self._basis = messages.Imported(
            imported.worker,
            imported.generation,
            notes,
            table,
            basis.last,
            reason,
            basis.installed_ms + imported.installed_ms,
        )
        self._prepare_soon()

    def surroundings_changed(self, imported: messages.Imported) -> tuple[str, ...]:
        """Return what the app has set differently than when the replayed imports were noted.

        Variables come first, by name, then conditions.
        """
        if self._basis is None:
            return ()
        changed = variables_changed(self._basis, imported)
        fresh = changed - self._changed
        self._changed |= changed
        conditions = conditions_changed(self._basis, imported)
        self._suspected = {name: conditions[name] for name in conditions.keys() - self._distrusted}
        return (*sorted(fresh), *sorted(self._suspected))

    def _report_once(self, reason: str, import_ms: float) -> None:
        if reason and self.enabled and reason not in self._reasons:
            self._reasons.add(reason)
            cost = f"each reload imports everything ({import_ms / 1000:.1f} s)"
            text = f"nothing can be preloaded, {cost}: {reason}"
            self._emit(events.Notice(level="info", text=text))

    # one try

    def _prepare_soon(self) -> None:
        self._tries = 0
        self._turn += 1
        self._do(Later(CALM, PreloadDue(self._turn)))

    def on_time(self, fact: PreloadDue | PreloadOverdue) -> None:
        """Prepare a Manager if that is due; leave out what hangs."""
        if fact.turn != self._turn:
            return
        if isinstance(fact, PreloadOverdue) and self._last:
            self._without[self._last] = f"takes over {PATIENCE:g} s to import"
        self._prepare()

    def _prepare(self) -> None:
        self.discard()
        self._tries += 1
        if not self.enabled or self._basis is None:
            return
        basis = cut(self._basis, self._distrusted)
        if not basis.notes:
            self._report_once(basis.reason, self._import_ms)
            return
        if self._tries == TRIES + 1:
            basis = cut_before(basis, self._without)
        if self._tries > TRIES + 1 or not basis.notes:
            tries = f"{self._tries - 1} attempts failed, the last while importing {self._last or 'nothing'}"
            text = f"preloading is off: {tries}"
            self._emit(events.Notice(level="warning", text=text, detail="\n".join(self._without)))
            return
        self.manager = manager = self._launch()
        if manager is None:
            return
        without = tuple(self._without.items())
        self._last, self._ended = "", basis.reason
        order = messages.Preload(
            notes=basis.notes,
            surroundings=basis.surroundings,
            own=self._own,
            exclude=self._exclude,
            without=without,
            last=basis.last,
            doubts=self._doubts,
        )
        self._do(SendTo(manager, order))
        self._do(Later(PATIENCE, PreloadOverdue(self._turn)))

    def on_preload_report(self, message: messages.Preloading | messages.PreloadDone) -> None:
        """The standby Manager preloads, or has finished preloading."""
        if isinstance(message, messages.Preloading):
            self._last = message.module
            return
        report = message.report
        if report.restart_without or report.doubts:
            self._without |= dict(report.restart_without)
            self._doubts |= report.doubts
            self._prepare()
            return
        self._turn += 1
        self.report, self._last = report, ""
        self._emit(
            events.Preloaded(
                modules=report.modules,
                ms=report.ms,
                cold_ms=self._basis.installed_ms if self._basis else 0.0,
                left_out=report.left_out,
                ended=report.ended or self._ended,
            )
        )

    def on_exited(self, reason: str) -> None:
        """It has exited by itself, or was killed from outside."""
        was_ready = self.report is not None
        self._turn += 1
        self.manager = self.report = None
        if self._last:
            self._without[self._last] = f"ends the process at its import ({reason})"
        if self._last or was_ready:
            self._prepare()

    @property
    def ready(self) -> bool:
        """Return whether `take` has a Manager to give."""
        return self.report is not None

    def take(self) -> int | None:
        """Return it if it is ready: from now on it belongs to the caller."""
        if self.report is None:
            return None
        manager, self.manager, self.report = self.manager, None, None
        return manager

    def is_hidden_by(self, names: Iterable[str]) -> bool:
        """Return whether one of these own modules has the name of a preloaded one."""
        return self._basis is not None and not {note.name for note in self._basis.notes}.isdisjoint(names)

    def forget(self) -> None:
        """Forget all imports, because they will differ: begin with what the next Worker imports by itself."""
        self.discard()
        self._basis, self._doubts = None, {}

    def discard(self) -> None:
        """End the standby Manager."""
        self._turn += 1
        if self.manager is not None:
            manager, self.manager = self.manager, None
            self._do(DiscardManager(manager))
        self.report = None
