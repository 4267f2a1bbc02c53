"""Finds the handlers of a module: functions with known names, and the protocol."""

from __future__ import annotations

import functools
import inspect
import linecache
import os
from collections.abc import Callable
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from msgspec import Struct, field

from devserver.common.failure import Failure, Place, excerpt
from devserver.common.framing import Delimited, Framing, LengthPrefixed, Lines, Raw
from devserver.ipc.messages import JobKind

ARGUMENTS = {
    "on_worker_start": ("server",),
    "on_connect": ("conn",),
    "on_receive": ("conn", "data"),
    "on_close": ("conn",),
    "on_worker_stop": ("server",),
}
"""The arguments of each handler."""

UNITS: dict[JobKind, str] = {"connect": "on_connect", "receive": "on_receive", "close": "on_close"}
MOST_NAMES = 8
_PROTOCOLS = (Raw, Lines, Delimited, LengthPrefixed)


class Handler(Struct, frozen=True):
    """A function of the app's; `asynchronous`: a call gives a coroutine."""

    name: str
    call: Callable[..., Any]
    asynchronous: bool


class Handlers(Struct, frozen=True):
    """The handlers of a module, by name."""

    found: dict[str, Handler]
    framing: Framing = field(default_factory=Raw)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.found)

    @property
    def capacity(self) -> int:
        """Return how many jobs may run at once: one if any handler is sync; 0: unbounded."""
        jobs = [self.found[name] for name in UNITS.values() if name in self.found]
        return 0 if jobs and all(handler.asynchronous for handler in jobs) else 1

    def of(self, kind: JobKind) -> Handler | None:
        """Return the handler of jobs of `kind`."""
        return self.found.get(UNITS[kind])


def handlers_of(module: ModuleType, beside_app: bool = False) -> Handlers | Failure:
    """Return the handlers of `module` (there may be none), or what is wrong with one of them.

    Beside an app `on_connect` and `on_close` count only with an `on_receive`: Socket.IO and MQTT clients
    have functions of these names too.
    """
    jobs = not beside_app or getattr(module, "on_receive", None) is not None
    found: dict[str, Handler] = {}
    for handler, arguments in ARGUMENTS.items():
        function = getattr(module, handler, None)
        if function is None or (handler in UNITS.values() and not jobs):
            continue
        if fault := _fault(handler, arguments, function):
            message = f"{fault} (in {file_name(module)})"
            return refusal("HandlerUnusable", message, module, place_of(function))
        found[handler] = Handler(handler, function, is_asynchronous(function))
    framing = getattr(module, "protocol", None)
    if framing is None or not any(name in found for name in UNITS.values()):
        return Handlers(found)
    if not isinstance(framing, _PROTOCOLS):
        return refusal("ProtocolUnusable", _protocol_fault(framing, file_name(module)), module)
    return Handlers(found, framing)


def missing(module: ModuleType, attribute: str) -> Failure:
    """Return the failure for an attribute that `module` lacks, with a hint."""
    message = f"{file_name(module)} has no {attribute!r}: {_instead(module, attribute)}"
    return refusal("AttributeMissing", message, module)


def _instead(module: ModuleType, attribute: str) -> str:
    """Return a hint: a similar name, or the names that exist."""
    holder: object = module
    parts = attribute.split(".")
    while parts and (inner := inspect.getattr_static(holder, parts[0], None)) is not None:
        holder = inner
        del parts[0]
    names = [name for name in getattr(holder, "__dict__", {}) if not name.startswith("_")]
    if parts and (near := get_close_matches(parts[0], names, 1)):
        known = attribute.split(".")[: -len(parts)]
        return f"did you mean {'.'.join([*known, near[0]])!r}?"
    there = sorted(name for name in names if holder is module and _is_made_here(vars(module)[name], module))
    return f"it has {', '.join(there[:MOST_NAMES])}" if there else "define it, or name another attribute"


def _is_made_here(value: object, module: ModuleType) -> bool:
    """Return whether the module itself defines a value that could be an app or a handler."""
    if isinstance(value, ModuleType | type):
        return False
    return not inspect.isroutine(value) or getattr(value, "__module__", "") == module.__name__


def refusal(kind: str, message: str, module: ModuleType, place: Place | None = None) -> Failure:
    """Return why `module` cannot be served; without `place` the failure points at the file."""
    file = getattr(module, "__file__", None) or ""
    return Failure("import", kind, message, place or (Place(file, 1) if file else None))


def file_name(module: ModuleType) -> str:
    """Return the name that a user knows `module` by."""
    return os.path.basename(getattr(module, "__file__", None) or "") or module.__name__


def is_asynchronous(function: Any) -> bool:
    """Return whether a call is known to return a coroutine."""
    if inspect.iscoroutinefunction(function):  # looks through functools.partial
        return True
    inner = function.func if isinstance(function, functools.partial) else function
    return inspect.iscoroutinefunction(getattr(type(inner), "__call__", None))  # noqa: B004


def place_of(function: Any) -> Place | None:
    """Return where a function is defined, with its source; None if it has no Python code."""
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    if code is None:
        return None
    around, first = excerpt("".join(linecache.getlines(code.co_filename)), code.co_firstlineno)
    return Place(code.co_filename, code.co_firstlineno, excerpt=around, first=first)


def _fault(name: str, arguments: tuple[str, ...], function: Any) -> str:
    """Return what is wrong with a handler, or an empty string."""
    signature = f"{name}({', '.join(arguments)})"
    if not callable(function):
        return f"{name} must be a function, {signature}, not of type {type(function).__name__}"
    inner = function.func if isinstance(function, functools.partial) else function
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        return f"{name} must not yield: calling a generator function runs none of its code"
    try:
        parameters = inspect.signature(function)
    except (TypeError, ValueError):  # some C callables have no signature
        return ""
    try:
        parameters.bind(*arguments)
    except TypeError:
        return f"{name} is called as {signature}, but it is defined as {name}{parameters}"
    return ""


def _protocol_fault(framing: object, name: str) -> str:
    if isinstance(framing, type) and issubclass(framing, _PROTOCOLS):
        return f"protocol in {name} is the class {framing.__name__}: write protocol = {framing.__name__}(…)"
    kinds = "Lines(), Delimited(…), LengthPrefixed(…) or Raw()"
    return f"protocol in {name} must be {kinds}, not of type {type(framing).__name__}"
