"""Preloading: what a Worker imported, what a Manager is asked to import, and what became of it."""

from __future__ import annotations

from typing import Any

import msgspec

from devserver.ipc.messages.data import TaggedMessage


class Surroundings(msgspec.Struct, frozen=True, array_like=True):
    """What a module could see at its import that a Manager does not have by itself.

    `environment`: the variables that differ from the start, None for one that is gone.
    """

    environment: dict[str, str | None] = {}
    path: tuple[str, ...] | None = None
    """sys.path, None: as at the start."""
    argv: tuple[str, ...] | None = None
    """sys.argv, likewise."""
    conditions: dict[str, Any] = {}
    """What else there is of the process, by its name in worker/conditions.py; at the end with a few more."""


class ModuleNote(msgspec.Struct, frozen=True, array_like=True):
    """One module that is not the app's own, as a Worker imported it."""

    name: str
    origin: str
    """Its file, or `built-in` or `frozen`."""
    surroundings: int = 0
    """Which entry of the table that comes with the notes."""
    values: bytes | None = None
    """Four bytes for each value in its namespace after the import, sorted; None: it is not known."""
    pids: tuple[str, ...] = ()
    """Where in it the number of the process is kept."""


class Report(msgspec.Struct, frozen=True, array_like=True):
    """What became of preloading. `left_out` are modules, each with the reason."""

    modules: int = 0
    """How many were loaded."""
    ms: float = 0.0
    left_out: tuple[tuple[str, str], ...] = ()
    threads: int = 1
    """How many the process has now: all but one are pools that are known to survive a fork."""
    restart_without: tuple[tuple[str, str], ...] = ()
    """Not empty: nothing may be forked from this process. Try a new one without these, too."""
    ended: str = ""
    """Why nothing further was imported, if that is so."""
    doubts: dict[str, bytes] = {}
    """Not empty: the same. Modules that may differ as they do in every process, with their values here."""


class Preload(TaggedMessage, frozen=True):
    """Import these modules before the first fork.

    `exclude` are globs of modules that are left out, `without` names, each with the reason, that were found
    unfit in other processes.
    """

    notes: tuple[ModuleNote, ...]
    surroundings: tuple[Surroundings, ...]
    own: tuple[str, ...] = ()
    """Folders and files of the app's own."""
    exclude: tuple[str, ...] = ()
    without: tuple[tuple[str, str], ...] = ()
    last: int = 0
    """The surroundings that the app had left when it was ready."""
    doubts: dict[str, bytes] = {}
    """What another process has told."""


class Preloading(TaggedMessage, frozen=True):
    """The import of `module` begins: if this process ends or hangs before the next word, it is the reason."""

    module: str


class PreloadDone(TaggedMessage, frozen=True):
    report: Report


class Imported(TaggedMessage, frozen=True):
    """What a Worker has imported that is not the app's own, in the order in which the imports began.

    Notes refer to `surroundings`, and so does `last`: how things are now. `reason` tells why what was
    imported later is not in the notes, if that is so.
    """

    worker: int
    generation: int
    notes: tuple[ModuleNote, ...]
    surroundings: tuple[Surroundings, ...]
    last: int = 0
    reason: str = ""
