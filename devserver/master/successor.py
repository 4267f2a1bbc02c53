"""Prepares the next Manager: one that has imported already what Workers import and is not the app's own.

Law: nobody is forked from it before it has told what became of that; if it crashes, hangs or is spoilt, that
costs a process which nobody needs yet, and the next try goes without the culprit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from devserver import events
from devserver.events import Event
from devserver.master.managers import Manager
from devserver.wire import messages as wire

WORTH = 30.0
"""Milliseconds that the import of an app must take before another process is worth its memory."""
TRIES = 8
PATIENCE = 60.0
"""Seconds that one try may take."""
CALM = 0.5
"""Seconds without news of what is imported before it is acted on."""


class Successor:
    """`launch` starts a Manager that is configured; `emit` takes what the user is told."""

    def __init__(
        self,
        launch: Callable[[], Manager | None],
        emit: Callable[[Event], None],
        own: tuple[str, ...],
        exclude: tuple[str, ...],
    ) -> None:
        self._launch = launch
        self._emit = emit
        self._own = own
        self._exclude = exclude
        self._loop = asyncio.get_running_loop()
        self.manager: Manager | None = None
        self.report: wire.Report | None = None
        """What it has said; it is ready then."""
        self._basis: wire.Imported | None = None
        self._without: dict[str, str] = {}
        self._cold_ms = 0.0
        self._changed: set[str] = set()
        self._tries = 0
        self._last = ""
        self._timer: asyncio.TimerHandle | None = None
        self.enabled = True

    # what the Workers tell

    def noted(self, imported: wire.Imported, import_ms: float) -> None:
        """A Worker that was forked from a Manager without preloaded modules has told what it imports."""
        worth = import_ms >= WORTH and imported.notes
        known = {note.name for note in self._basis.notes} if self._basis else set()
        if not self.enabled or not worth or known >= {note.name for note in imported.notes}:
            return
        self._basis, self._cold_ms = imported, import_ms
        self._prepare_soon()

    def added(self, imported: wire.Imported) -> None:
        """A Worker that has inherited modules has told what it imported besides."""
        basis = self._basis
        if not self.enabled or basis is None:
            return
        known = {note.name for note in basis.notes}
        if not {note.name for note in imported.notes} - known:
            return
        shift = len(basis.surroundings)
        fresh = [
            wire.ModuleNote(note.name, note.origin, note.surroundings + shift)
            for note in imported.notes
            if note.name not in known
        ]
        notes, table = (*basis.notes, *fresh), (*basis.surroundings, *imported.surroundings)
        self._basis = wire.Imported(imported.worker, imported.generation, notes, table, basis.last)
        self._prepare_soon()

    def surroundings_changed(self, imported: wire.Imported) -> tuple[str, ...]:
        """Return the variables that the app sets otherwise than when the replayed imports were noted.

        One that has changed twice is none that an import depends on.
        """
        if self._basis is None:
            return ()
        then = self._basis.surroundings[self._basis.last].environment
        now = imported.surroundings[imported.last].environment
        changed = {name for name, _ in then.items() ^ now.items()}
        news = changed - self._changed
        self._changed |= changed
        return tuple(sorted(news))

    # one try

    def _prepare_soon(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._tries = 0
        self._timer = self._loop.call_later(CALM, self._prepare)

    def _prepare(self) -> None:
        self.discard()
        self._tries += 1
        if not self.enabled or self._basis is None:
            return
        if self._tries > TRIES:
            text = (
                f"nothing is preloaded: {TRIES} processes in a row came to grief, the last over {self._last}"
            )
            self._emit(events.Notice(level="warning", text=text, detail="\n".join(self._without)))
            return
        self.manager = self._launch()
        if self.manager is None:
            return
        basis = self._basis
        without = tuple(self._without.items())
        self._last = ""
        self.manager.send(wire.Preload(basis.notes, basis.surroundings, self._own, self._exclude, without))
        self._timer = self._loop.call_later(PATIENCE, self._hangs)

    def heard(self, message: wire.Preloading | wire.Preloaded) -> None:
        """The Manager that is prepared says how it gets on."""
        if isinstance(message, wire.Preloading):
            self._last = message.module
            return
        report = message.report
        if report.restart_without:
            self._without |= dict(report.restart_without)
            self._prepare()
            return
        if self._timer is not None:
            self._timer.cancel()
        self.report, self._last = report, ""
        self._emit(
            events.Preloaded(
                modules=report.modules, ms=report.ms, cold_ms=self._cold_ms, left_out=report.left_out
            )
        )

    def exited(self, reason: str) -> None:
        """It has ended, and nobody wanted that."""
        was_ready = self.report is not None
        if self._timer is not None:
            self._timer.cancel()
        self.manager = self.report = None
        if self._last:
            self._without[self._last] = f"ends the process at its import ({reason})"
        if self._last or was_ready:
            self._prepare()

    def _hangs(self) -> None:
        if self._last:
            self._without[self._last] = f"takes over {PATIENCE:g} s to import"
        self._prepare()

    def take(self) -> Manager | None:
        """Return it if it is ready: from now on it is somebody else's."""
        if self.report is None:
            return None
        manager, self.manager, self.report = self.manager, None, None
        return manager

    def is_hidden_by(self, names: Iterable[str]) -> bool:
        """Tell whether one of these modules of the app's own bears the name of one that is preloaded."""
        return self._basis is not None and not {note.name for note in self._basis.notes}.isdisjoint(names)

    def forget(self) -> None:
        """What was imported is not what will be: begin with what the next Worker imports by itself."""
        self.discard()
        self._basis = None

    def discard(self) -> None:
        """End what is prepared."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.manager is not None:
            manager, self.manager = self.manager, None
            manager.dismiss()
        self.report = None
