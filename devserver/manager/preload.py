"""Imports in a Manager that nobody needs yet what a Worker had imported, so that the next Workers have it.

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

from devserver.manager.footprint import Footprint
from devserver.manager.guard import Guard, Own
from devserver.manager.kernel import count_threads
from devserver.manager.muffler import Muffler
from devserver.wire.messages import Preload, Report, Surroundings
from devserver.worker import late

_LONGEST = 200
"""Characters of an error that are told."""


def preload(order: Preload, *, own: Collection[str], terminal: bool, tell: Callable[[str], None]) -> Report:
    """Carry out `order`; return what became of it.

    `own` are folders and files of the app's own, wherever they lie; what is not installed is own in any case.
    `terminal`: Workers print to terminals. `tell` is called with each module that is imported by itself,
    before it is: if the process ends or hangs then, it was that one. Call it before the first fork, in the
    only thread. With `restart_without` in the report the process must not be forked.
    """
    began = time.perf_counter()
    before = set(sys.modules)
    start = _Start()
    output = Muffler(terminal)
    replay = _Replay(order, own, start, output, tell)
    try:
        replay.run()
    finally:
        replay.close()
        output.close()
        start.apply(Surroundings())
    return Report(
        sum(note.name in sys.modules and note.name not in before for note in order.notes),
        (time.perf_counter() - began) * 1000,
        replay.left_out(),
        count_threads(),
        replay.spoilt(),
    )


class _Replay:
    """The imports of one order."""

    def __init__(
        self,
        order: Preload,
        own: Collection[str],
        start: _Start,
        output: Muffler,
        tell: Callable[[str], None],
    ) -> None:
        self._order = order
        self._start = start
        self._output = output
        self._tell = tell
        self._noted = {note.name: note.origin for note in order.notes}
        self._guard = Guard(self._noted, Own(own), order.exclude, dict(order.without))
        self._out = self._guard.out
        self._ran_for_nothing: set[str] = set()
        self._pid = os.getpid()

    def run(self) -> None:
        """Import one after the other what is not there yet, until one leaves something behind."""
        surroundings = -1
        footprint = Footprint()
        for note in self._order.notes:
            if note.name in sys.modules:
                continue
            if reason := self._guard.objection(note.name):
                self._out.setdefault(note.name, reason)
                continue
            if note.surroundings != surroundings:
                surroundings = note.surroundings
                self._start.apply(self._order.surroundings[surroundings])
                footprint.renew()
            self._tell(note.name)
            self._import(note.name)
            left = footprint.left()
            if self._output.heard():
                left.append("prints")
            if left:
                self._out[note.name] = f"{', '.join(left)} at its import"
                self._ran_for_nothing.add(note.name)
                break

    def left_out(self) -> tuple[tuple[str, str], ...]:
        """Return what was noted and is not there, in the order of the notes, with the reasons."""
        out = self._out.keys() - ({late.ABSENT} if late.WITHOUT in sys.modules else set())
        return tuple((name, self._out[name]) for name in self._noted if name in out)

    def spoilt(self) -> tuple[tuple[str, str], ...]:
        """Return what must not have run in this process, with the reasons."""
        return tuple((name, reason) for name, reason in self._out.items() if name in self._ran_for_nothing)

    def _import(self, name: str) -> None:
        self._guard.begin()
        failure = ""
        try:
            import_module(name)
        except BaseException as error:  # SystemExit too
            failure = f"fails here: {type(error).__name__}: {error}"[:_LONGEST]
        if os.getpid() != self._pid:
            os._exit(0)  # it has forked, and this is the child: there is one Manager
        self._ran_for_nothing |= self._guard.end(name, failure)

    def close(self) -> None:
        with suppress(ValueError):
            sys.meta_path.remove(self._guard)


class _Start:
    """The environment, path and arguments of this process, and whatever differs from them for a while."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._path, self._argv = sys.path[:], sys.argv[:]

    def apply(self, difference: Surroundings) -> None:
        """Make it so: the start and what differs from it."""
        wanted = dict(self._environment)
        for name, value in difference.environment.items():
            if value is None:
                wanted.pop(name, None)
            else:
                wanted[name] = value
        for name in os.environ.keys() - wanted.keys():
            del os.environ[name]
        for name, value in wanted.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        sys.path[:] = self._path if difference.path is None else difference.path
        sys.argv[:] = self._argv if difference.argv is None else difference.argv
