"""A failure of the app's code: its text, and the files in which a fix may be saved."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator

import msgspec

from devserver.common import foreign
from devserver.common.failure import Failure, Phase
from devserver.worker.run.describe import describe

_PACKAGE = (
    foreign.DEVSERVER,
    importlib.__file__,  # its import_module() is how the target is imported
)
_MISSING = re.compile(r"No module named '(\w+)")
_WHERE: dict[Phase, str] = {
    "import": "while it was imported",
    "start-up": "while it started",
    "handler": "in a handler",
    "request": "in a request",
    "stop": "while it stopped",
}


def failure_of(error: BaseException, phase: Phase) -> Failure:
    """Return `error` as data, without devserver's frames; for a SystemExit, name the phase."""
    failure = describe(error, phase, _PACKAGE)
    if isinstance(error, SystemExit):
        status = "" if error.code is None else repr(error.code)
        message = f"the app exited {_WHERE.get(phase, '')}: sys.exit({status})"
        return msgspec.structs.replace(failure, message=message)
    return failure


def files_named_by(error: BaseException, search: Iterable[str]) -> tuple[str, ...]:
    """Return the files that `error` or its causes name: broken ones, and possible places of missing ones.

    A module that does not compile or exist never enters `sys.modules`, but devserver must notice its fix.
    """
    files: dict[str, None] = {}
    for each in _chain(error):
        if isinstance(each, SyntaxError) and each.filename:
            files[os.path.realpath(each.filename)] = None
        elif isinstance(each, ModuleNotFoundError) and each.name:
            files.update(dict.fromkeys(_places_of(each.name, search)))
    return tuple(files)


def is_uninstalled(failure: Failure, owns: Callable[[str], bool]) -> bool:
    """Return whether the failure is a missing module that does not belong to an own package."""
    current: Failure | None = failure
    while current is not None:
        named = _MISSING.match(current.message) if current.type == "ModuleNotFoundError" else None
        if named and not any(map(owns, _folders_of(named[1]))):
            return True
        current = current.cause
    return False


def _folders_of(name: str) -> list[str]:
    return [folder for folder in getattr(sys.modules.get(name), "__path__", ()) if isinstance(folder, str)]


def with_hint(failure: Failure) -> Failure:
    """Return `failure` with the hint that an installation is noticed."""
    message = f"{failure.message}\ndevserver tries again as soon as the missing module is installed."
    return msgspec.structs.replace(failure, message=message)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and all(current is not each for each in seen):
        yield current
        seen.append(current)
        current = current.__cause__ or current.__context__


def _places_of(module: str, search: Iterable[str]) -> Iterator[str]:
    """Yield the files in which `module` would be found if it existed."""
    parent, _, tail = module.rpartition(".")
    package = getattr(sys.modules.get(parent), "__path__", None)
    bases = [os.path.join(folder, *module.split(".")) for folder in dict.fromkeys(search)]
    for base in [os.path.join(folder, tail) for folder in package] if package else bases:
        yield os.path.realpath(f"{base}.py")
        yield os.path.realpath(os.path.join(base, "__init__.py"))
