"""Preloading: what a Worker has imported, what a Manager has to import, and the result."""

from __future__ import annotations

from typing import Any

import msgspec

from devserver.ipc.messages.data import TaggedMessage


class Surroundings(msgspec.Struct, frozen=True, array_like=True):
    """The conditions that a module could see at its import, as far as the app has changed them.

    `environment`: the variables that differ from the start, None for one that is gone.
    """

    environment: dict[str, str | None] = {}
    path: tuple[str, ...] | None = None
    """sys.path, None: as at the start."""
    argv: tuple[str, ...] | None = None
    """sys.argv, likewise."""
    conditions: dict[str, Any] = {}
    """Other state of the process, by its name in worker/observe/conditions.py; a few more at the end."""


class ModuleNote(msgspec.Struct, frozen=True, array_like=True):
    """One module that is not the app's own, as a Worker imported it."""

    name: str
    origin: str
    """Its file, or `built-in` or `frozen`."""
    surroundings: int = 0
    """The index of its entry in the table that comes with the notes."""
    values: bytes | None = None
    """Four bytes for each value in its namespace after the import, sorted; None: unknown."""
    pids: tuple[str, ...] = ()
    """Names in it that hold the pid of the process."""


class Report(msgspec.Struct, frozen=True, array_like=True):
    """The result of preloading. `left_out` are modules, each with the reason."""

    modules: int = 0
    """How many were loaded."""
    ms: float = 0.0
    left_out: tuple[tuple[str, str], ...] = ()
    threads: int = 1
    """Threads of the process now: all but one belong to pools that survive a fork."""
    restart_without: tuple[tuple[str, str], ...] = ()
    """Not empty: do not fork from this process. Preload in a new one, and leave these out, too."""
    ended: str = ""
    """Why the imports stopped early, "" if they did not."""
    doubts: dict[str, bytes] = {}
    """Not empty: the same. Modules that may differ in every process, with their values in this one."""


class Preload(TaggedMessage, frozen=True):
    """Import these modules before the first fork.

    `exclude` are globs of modules to leave out. `without` are modules that other processes have left out,
    each with the reason.
    """

    notes: tuple[ModuleNote, ...]
    surroundings: tuple[Surroundings, ...]
    own: tuple[str, ...] = ()
    """Folders and files of the app's own."""
    exclude: tuple[str, ...] = ()
    without: tuple[tuple[str, str], ...] = ()
    last: int = 0
    """The index of the surroundings when the app was ready."""
    doubts: dict[str, bytes] = {}
    """The doubts that another process has reported."""


class Preloading(TaggedMessage, frozen=True):
    """The import of `module` begins. If the process exits or hangs before its next message, blame it."""

    module: str


class PreloadDone(TaggedMessage, frozen=True):
    report: Report


class Imported(TaggedMessage, frozen=True):
    """The modules that a Worker has imported and that are not own, in the order in which imports began.

    Notes refer to `surroundings`, and so does `last`: the present ones. `reason`: why later imports are not
    in the notes, "" if they are. `installed_ms`: how long these modules took.
    """

    worker: int
    generation: int
    notes: tuple[ModuleNote, ...]
    surroundings: tuple[Surroundings, ...]
    last: int = 0
    reason: str = ""
    installed_ms: float = 0.0
