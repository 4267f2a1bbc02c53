"""Lets a Manager import only modules that a Worker had and that are not own; reports which became unfit.

Laws: no own module is found here. A module that was refused an import, or caught the failure of one, is
unfit: it differs from the Worker's. So is every module that was importing it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.machinery import ModuleSpec
from types import ModuleType

from devserver.worker.load import late
from devserver.worker.load import own as ownership
from devserver.worker.observe.import_probe import observe

NEVER = (
    "__main__",
    "__mp_main__",
    "gevent",  # patches, and must be imported before threads start
    "eventlet",
    "readline",  # binds to the terminal at its import, and a Worker has its own: see worker/load/late.py
    "pydevd*",
    "_pydev*",
    "debugpy",
    "antigravity",
)


class Own:
    """Decides whether a file is own; `paths` are folders and files that are, wherever they lie."""

    def __init__(self, paths: Collection[str]) -> None:
        self._owns = ownership.Own()
        self._files = {os.path.realpath(path) for path in paths}
        # A folder that holds a virtual environment does not make that the app's own.
        self._inner = tuple(os.path.join(path, "") for path in self._files if not self._owns(path))

    def __call__(self, path: str) -> bool:
        real = os.path.realpath(path)
        return self._owns(path) or real in self._files or real.startswith(self._inner)


class ImportGuard:
    """The first finder on sys.meta_path: asks the others, and refuses unfit modules with an ImportError.

    `noted` are the modules that a Worker had, with their origins; `without` are unfit, each with the reason.
    """

    def __init__(
        self, noted: Mapping[str, str], own: Own, exclude: Sequence[str], without: Mapping[str, str]
    ) -> None:
        self._noted = noted
        self._own = own
        self._exclude = exclude
        self._running: list[str] = []
        """The modules whose bodies are running, each imported by the one before it."""
        self._importers: dict[str, set[str]] = {}
        """Module that was found or refused during this import → the modules that imported it."""
        self._ran: set[str] = set()
        """The modules that have run during this import: the others were only looked up."""
        self._refused: dict[str, str] = {}
        """Module that was refused during this import → the reason."""
        self.out = dict(without)
        """Module that is unfit, and so is refused → the reason."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module for the import system. Raises ImportError."""
        spec = self._ask_others(fullname, path, target)
        if spec is None and fullname not in self._noted:
            return None
        if (fullname, *self._running[-1:]) == (late.ABSENT, late.WITHOUT):
            raise ImportError(f"{fullname} follows in each Worker", name=fullname)
        self._importers.setdefault(fullname, set()).update(self._running[-1:])
        reason = self.objection(fullname) or self._objection_to(fullname, spec)
        if reason:
            self._refused[fullname] = reason
            raise ImportError(f"{fullname} {reason}", name=fullname)
        if spec is not None:
            observe(spec, self._note)
        return spec

    def _note(self, spec: ModuleSpec, running: bool) -> None:
        if running:
            self._running.append(spec.name)
            self._ran.add(spec.name)
        elif spec.name in self._running:
            del self._running[self._running.index(spec.name) :]

    def objection(self, name: str) -> str:
        """Return why a module is refused before it is looked up, "" if it is not."""
        for each in _with_parents(name):
            if each in self.out:
                return self.out[each] if each == name else f"is part of {each}, which {self.out[each]}"
            for pattern in NEVER:
                if fnmatchcase(each, pattern):
                    return "is never preloaded"
            for pattern in self._exclude:
                if fnmatchcase(each, pattern):
                    return "is excluded"
        return ""

    def _objection_to(self, name: str, spec: ModuleSpec | None) -> str:
        origin = spec.origin if spec else None
        if name in self._noted and origin != self._noted[name]:
            return f"is another one here: {origin or 'none'} instead of {self._noted[name]}"
        files = list(spec.submodule_search_locations or ()) if spec else []
        if origin and spec and spec.has_location:
            files.append(origin)
        return "is the app's own" if any(self._own(file) for file in files) else ""

    def _ask_others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in sys.meta_path:
            find_spec = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec(fullname, path, target) if find_spec else None
            if spec is not None:
                return spec
        return None

    def begin(self) -> None:
        """Begin an import that no other module has asked for."""
        self._running.clear()
        self._importers.clear()
        self._ran.clear()
        self._refused.clear()
        if sys.meta_path[0] is not self:  # a module has put a finder before it
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            sys.meta_path.insert(0, self)

    def end(self, name: str, failure: str) -> set[str]:
        """The import of `name` has ended, with this failure or without. Take out what it has made unfit.

        Return those of them that have run, in whole or in part: what they did elsewhere is still there, and
        a second run may not bear it.
        """
        bad: dict[str, str] = {}
        for each, reason in self._refused.items():
            self._blame(bad, each, reason)
        if failure:
            self._blame(bad, name, failure)
        for each in sorted(self._ran & self._noted.keys() - sys.modules.keys()):
            self._blame(bad, each, "fails here")
        self.out |= {each: reason for each, reason in bad.items() if each not in self.out}
        for each in bad:
            _forget(each)
        return {each for each in bad if each in self._importers and each not in self._refused}

    def _blame(self, bad: dict[str, str], name: str, reason: str) -> None:
        """Add a module to `bad`, and every module that was importing it."""
        bad.setdefault(name, reason)
        importers = self._importers.get(name, set()) - bad.keys()
        while importers:
            bad |= dict.fromkeys(importers, f"imports {name}, which {reason}")
            importers = {up for low in importers for up in self._importers.get(low, ())} - bad.keys()


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _forget(name: str) -> None:
    """Remove a module and its submodules from sys.modules and from their packages."""
    for each in [other for other in sys.modules if other == name or other.startswith(f"{name}.")]:
        module = sys.modules.pop(each)
        package, _, tail = each.rpartition(".")
        attributes = getattr(sys.modules.get(package), "__dict__", {})
        if tail in attributes and attributes[tail] is module:
            del attributes[tail]
