"""Records the installed modules that a Worker imports, so that a Manager can preload them.

Laws: importing the recorded modules in this order and these surroundings gives what it gave here. Once the
app has changed what an import does, no further module is recorded, and the reason is kept.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from importlib.machinery import (
    BuiltinImporter,
    ExtensionFileLoader,
    FrozenImporter,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from typing import Any

import msgspec

from devserver.ipc.messages import Imported, ModuleNote, Surroundings
from devserver.worker.load.modules import is_module_object, names_of
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.observe import conditions, namespaces
from devserver.worker.observe.import_probe import observe
from devserver.worker.observe.patched import patched

_Seen = tuple[dict[Any, Any], list[str], list[str]]


class ImportLog:
    """Pass `found` to the loader's `install`, then `begin` before anything is set up for the app."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._specs: dict[str, tuple[ModuleSpec, int]] = {}
        """The modules found, in order, each with the index of its surroundings."""
        self._table: dict[str, int] = {}
        self._surroundings: list[Surroundings] = []
        self._outermost: ModuleSpec | None = None
        """The installed module that the app's own code is importing, if any."""
        self._reason = ""
        self._fresh: list[ModuleSpec] = []
        """Modules found since the outermost import began."""
        self._values: dict[str, tuple[bytes, tuple[str, ...]]] = {}
        self._last: int | None = None
        self.spent = 0.0
        """Seconds that outermost imports of installed modules took."""
        self._began = 0.0

    def begin(self) -> None:
        """Record the present state as the start: a Manager, which never runs the app's code, has the same."""
        self._environment = dict(os.environ)
        self._path, self._argv = tuple(sys.path), tuple(sys.argv)
        self._meaning, self._modules = _meaning(), dict(sys.modules)
        self._conditions = conditions.look()
        self._seen: _Seen = (_variables().copy(), sys.path[:], sys.argv[:])
        self._number = self._number_of(self._difference())

    def found(self, name: str, spec: ModuleSpec) -> None:
        """Record that this installed module was found: it is about to be imported."""
        if self._reason:
            return
        self._reason = patched()
        if self._outermost is None:
            # The app made every change since the last outermost import.
            self._reason = self._reason or self._done_by_app()
            if not self._reason:
                self._fresh.clear()
                observe(spec, self._running)
                self._look_around()
        if not self._reason:
            self._specs.pop(name, None)  # the earlier import only looked for it
            self._specs[name] = spec, self._look()
            self._fresh.append(spec)

    def end(self) -> None:
        """Record nothing more: a copy of this process has nothing to report."""
        self._reason = "it is a copy"

    def ready(self) -> None:
        """Record the surroundings when the app is about to serve, after its own imports."""
        self._reason = self._reason or patched() or self._done_by_app()
        self._look_around()
        now = self._conditions | {
            conditions.LOGGERS: conditions.loggers(),
            conditions.IMPORTS: self._reason,
        }
        self._last = self._number_of(msgspec.structs.replace(self._difference(), conditions=now))

    def taken(self, worker: int, generation: int) -> Imported:
        """Return the records so far of the modules that are loaded."""
        return Imported(
            worker,
            generation,
            tuple(
                ModuleNote(name, spec.origin, number, *self._values.get(name, ()))
                for name, (spec, number) in list(self._specs.items())
                if spec.origin and _is_loaded(name, spec) and self._is_installed(spec)
            ),
            last=self._look() if self._last is None else self._last,
            surroundings=tuple(self._surroundings),
            reason=self._reason,
            installed_ms=self.spent * 1000,
        )

    def _running(self, spec: ModuleSpec, running: bool) -> None:
        """Handle the start or end of an outermost module's body, during which the app changes nothing."""
        if running and self._outermost is None:
            self._outermost, self._began = spec, time.perf_counter()
        elif not running and self._outermost is spec:
            self._outermost, self._meaning = None, _meaning()
            self.spent += time.perf_counter() - self._began
            self._modules = dict(sys.modules)
            for each in self._fresh:
                if _is_loaded(each.name, each):
                    module = sys.modules[each.name]
                    self._values[each.name] = namespaces.packed(module), namespaces.pids(module)

    def _done_by_app(self) -> str:
        """Return the app's own change that affects all imports, "" for none."""
        changed = [what for what, value in _meaning().items() if value != self._meaning[what]]
        if changed:
            return f"the app has changed {changed[0]}"
        if sys.modules == self._modules:
            return ""
        planted = sorted(
            str(name)
            for name, module in list(sys.modules.items())
            if self._modules.get(name) is not module and not self._was_imported(name, module)
        )
        return f"the app has put {planted[0]} into sys.modules" if planted else ""

    def _was_imported(self, name: str, module: object) -> bool:
        """Return whether an import has put a module there under its name; an own module may do so itself."""
        spec = names_of(module).get("__spec__") if is_module_object(module) else None
        if spec is not None and spec.name == name:
            known = self._specs.get(name)
            if known is not None and known[0] is spec:
                return True
            if not spec.origin or self._snapshot.owns(spec.origin):
                return True
        return name == "__main__" or self._is_own(name)

    def _is_own(self, name: str) -> bool:
        """Return whether the app uses a file of its own with this name."""
        package, _, tail = name.rpartition(".")
        folders = getattr(sys.modules.get(package), "__path__", ()) if package else sys.path
        bases = [os.path.realpath(os.path.join(folder, tail)) for folder in folders]
        return any(f"{base}.py" in self._used or f"{base}/__init__.py" in self._used for base in bases)

    @property
    def _used(self) -> Mapping[str, None]:
        return self._snapshot.used

    def _look_around(self) -> None:
        """Read the conditions, which only the app's code and whole imports should change."""
        now = conditions.look()
        if now != self._conditions:
            self._conditions = now
            self._number = self._number_of(self._difference())

    def _look(self) -> int:
        """Return the index of the present surroundings. Takes a microsecond if they have not changed."""
        variables, path, argv = self._seen
        if _variables() != variables or sys.path != path or sys.argv != argv:
            self._seen = (_variables().copy(), sys.path[:], sys.argv[:])
            self._number = self._number_of(self._difference())
        return self._number

    def _difference(self) -> Surroundings:
        now, start = dict(os.environ), self._environment
        environment: dict[str, str | None] = {
            name: now.get(name) for name in start.keys() | now.keys() if start.get(name) != now.get(name)
        }
        path, argv = (
            tuple(entry for entry in each if isinstance(entry, str)) for each in (sys.path, sys.argv)
        )
        return Surroundings(
            dict(sorted(environment.items())),
            None if path == self._path else path,
            None if argv == self._argv else argv,
            self._conditions,
        )

    def _number_of(self, difference: Surroundings) -> int:
        key = repr(difference)
        number = self._table.setdefault(key, len(self._table))
        if number == len(self._surroundings):
            self._surroundings.append(difference)
        return number

    def _is_installed(self, spec: ModuleSpec) -> bool:
        """Return whether the module belongs to the standard library or to an installed distribution."""
        loader: Any = spec.loader
        if loader in (BuiltinImporter, FrozenImporter) or isinstance(loader, SourceFileLoader):
            return True  # own source files never get here
        if not isinstance(loader, ExtensionFileLoader | SourcelessFileLoader):
            return False  # a custom finder may find something else in another process
        return not self._snapshot.owns(spec.origin or "")


def _variables() -> dict[Any, Any]:
    """Return the raw data of os.environ: comparing os.environ itself would decode every variable."""
    variables: Any = os.environ
    data: dict[Any, Any] = getattr(variables, "_data", variables)
    return data


def _meaning() -> dict[str, Any]:
    """Return the state that decides how modules are imported and how their loggers behave."""
    return {
        "sys.meta_path": sys.meta_path[:],
        "sys.path_hooks": sys.path_hooks[:],
        "the class of loggers": logging.getLoggerClass(),
        "which loggers are disabled": disabled_loggers(),
    }


def disabled_loggers() -> list[str]:
    """Return the disabled loggers. `dictConfig` disables existing ones, and preloading creates them earlier.

    Some always exist, such as asyncio's, so the change is noticed.
    """
    loggers = list(logging.root.manager.loggerDict.values())
    return [each.name for each in loggers if isinstance(each, logging.Logger) and each.disabled]


def _is_loaded(name: str, spec: ModuleSpec) -> bool:
    """Return whether the module that is loaded under this name has this spec."""
    module = sys.modules.get(name)
    return is_module_object(module) and names_of(module).get("__spec__") is spec
