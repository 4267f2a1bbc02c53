"""Imports in a standby Manager what a Worker had imported, so that the next Workers inherit it.

Law: a Worker forked afterwards cannot be told from one that has imported it all itself. A module of which
that is not known is left out, with the reason; if it has run by then, this process is no good any more.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from devserver.ipc.messages import ModuleNote, Preload, Report
from devserver.manager.preload.conditions_replay import ConditionsReplay
from devserver.manager.preload.import_guard import ImportGuard, Own
from devserver.manager.preload.loop_variables import leftovers
from devserver.manager.preload.output_capture import OutputCapture
from devserver.manager.preload.side_effects import SideEffects
from devserver.worker.birth.boot import Inheritance
from devserver.worker.image import process_state
from devserver.worker.image.process_state import count_threads
from devserver.worker.image.randomness import Randomness, reseeder
from devserver.worker.load import late
from devserver.worker.observe import namespaces

_LONGEST = 200
"""Characters of an error that are reported."""
_MOST_NAMES = 3


def preload(
    order: Preload, *, own: Collection[str], terminal: bool, before_import: Callable[[str], None]
) -> tuple[Report, Inheritance]:
    """Carry out `order`; return what became of it, and what Workers get besides the modules.

    `own` are folders and files of the app's own, wherever they lie; what is not installed is own in any case.
    `terminal`: Workers print to terminals. `before_import` gets each module that no other one imports: if
    the process ends or hangs then, it was that one. Call it before the first fork, in the only thread. With
    `restart_without` or `doubts` in the report the process must not be forked.
    """
    began = time.perf_counter()
    before = set(sys.modules)
    stage, randomness, output = ConditionsReplay(), Randomness(), OutputCapture(terminal)
    replay = _Replay(order, own, stage, output, randomness, before_import)
    try:
        replay.run()
    finally:
        replay.close()
        randomness.close()
        process_state.flush_logs()
        output.close()
        stage.close()
    spoilt = replay.spoilt()
    report = Report(
        sum(note.name in sys.modules and note.name not in before for note in order.notes),
        (time.perf_counter() - began) * 1000,
        replay.left_out(),
        count_threads(),
        spoilt,
        replay.ended,
        replay.doubts,
    )
    reseed = () if spoilt or replay.doubts else tuple(map(reseeder, randomness.unseeded()))
    return report, Inheritance(dict(stage.handed_on), reseed, _filters(order))


def _filters(order: Preload) -> list[Any] | None:
    """Return the filters of warnings that the Worker had in the end."""
    if not order.surroundings:
        return None
    found: list[Any] | None = order.surroundings[order.last].conditions.get("the filters of warnings")
    return found


class _Replay:
    """The imports of one order. `ended`: why nothing more was imported, "" if all was tried."""

    def __init__(
        self,
        order: Preload,
        own: Collection[str],
        stage: ConditionsReplay,
        output: OutputCapture,
        randomness: Randomness,
        before_import: Callable[[str], None],
    ) -> None:
        self._order = order
        self._randomness = randomness
        self._stage = stage
        self._output = output
        self._before_import = before_import
        self._notes = {note.name: note for note in order.notes}
        noted = {note.name: note.origin for note in order.notes}
        self._guard = ImportGuard(noted, Own(own), order.exclude, dict(order.without))
        self._out = self._guard.out
        self._ran_for_nothing: set[str] = set()
        self._unseen = set(self._notes) - sys.modules.keys()
        """Modules not yet compared with the Worker's."""
        self._pid = os.getpid()
        self.ended = ""
        self.doubts: dict[str, bytes] = {}

    def run(self) -> None:
        """Import the missing modules in order, until one has a side effect that spoils the next."""
        surroundings = -1
        effects = SideEffects(self._stage)
        for note in self._order.notes:
            if note.name in sys.modules:
                continue
            if reason := self._guard.objection(note.name):
                self._out.setdefault(note.name, reason)
                continue
            if note.surroundings != surroundings:
                surroundings = note.surroundings
                self.ended = self._stage.set(self._order.surroundings[surroundings])
                if self.ended:
                    break
                effects.renew()
            self._before_import(note.name)
            self._import(note.name)
            left = effects.left()
            if self._output.has_written():
                left.append("prints")
            if self._randomness.shared_is_seeded:
                left.append("seeds random")
            if left:
                self._leave_out(note.name, f"{', '.join(left)} at its import")
                break
            self._compare()

    def left_out(self) -> tuple[tuple[str, str], ...]:
        """Return the noted modules that are not imported, in the order of the notes, with the reasons."""
        out = self._out.keys() - ({late.ABSENT} if late.WITHOUT in sys.modules else set())
        return tuple((name, self._out[name]) for name in self._notes if name in out)

    def spoilt(self) -> tuple[tuple[str, str], ...]:
        """Return the modules that should not have run in this process, with the reasons."""
        return tuple((name, reason) for name, reason in self._out.items() if name in self._ran_for_nothing)

    def _leave_out(self, name: str, reason: str) -> None:
        self._out[name] = reason
        self._ran_for_nothing.add(name)

    def _compare(self) -> None:
        """Leave out modules whose values differ from the Worker's: they have seen other conditions."""
        for name in sorted(self._unseen & sys.modules.keys()):
            self._unseen.discard(name)
            if name == late.WITHOUT:
                continue
            module, note = sys.modules[name], self._notes[name]
            if type(module) is ModuleType and (reason := self._difference(module, note)):
                self._leave_out(name, reason)

    def _difference(self, module: ModuleType, note: ModuleNote) -> str:
        """Return how a module differs from the Worker's, "" if only as it does in every process."""
        if kept := set(note.pids) & set(namespaces.pids(module)):
            return f"keeps the number of its process ({min(kept)})"
        names = None if note.values is None else namespaces.differing(module, note.values)
        if names is None:
            return ""
        if namespaces.may_be_chance(module, names):
            names = [name for name in names if name not in leftovers(module)]
            if not names:
                return ""
            elsewhere = self._order.doubts.get(note.name)
            if elsewhere is None:
                self.doubts[note.name] = namespaces.packed(module)
                return ""
            names = namespaces.kept(module, names, elsewhere)
            if not names:
                return ""
        return f"has other values here ({', '.join(names[:_MOST_NAMES]) or 'some are missing'})"

    def _import(self, name: str) -> None:
        self._guard.begin()
        failure = ""
        try:
            import_module(name)
        except BaseException as error:  # SystemExit too
            failure = f"fails here: {type(error).__name__}: {error}"[:_LONGEST]
        if os.getpid() != self._pid:
            os._exit(0)  # the module has forked, and this is the child: there is one Manager
        self._ran_for_nothing |= self._guard.end(name, failure)

    def close(self) -> None:
        with suppress(ValueError):
            sys.meta_path.remove(self._guard)
