"""Process state that an import can see besides modules: how to read, send and set it.

Law: `look` returns values that can be sent. Processes with equal values look the same to any import.
"""

from __future__ import annotations

import contextvars
import locale
import logging
import os
import re
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

Value = Any
"""Lists, strings, numbers and None."""
Undo = Callable[[], None]

LOGGERS = "the configuration of loggers"
IMPORTS = "what imports find"
"""Compared once the app is ready, never set."""


class Condition(Struct, frozen=True):
    """`put` sets a value that `look` returned in another process, and returns a function that undoes it.

    A condition without `put` is only compared, to notice changes that are not the app's.
    """

    look: Callable[[], Value]
    put: Callable[[Value], Undo] | None = None


def look() -> dict[str, Value]:
    """Return every condition. Takes some microseconds."""
    return {name: condition.look() for name, condition in CONDITIONS.items()}


def described(value: object) -> str:
    """Return a name for a function or class that is the same in another process."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if name is None:
        module, name = type(value).__module__, f"{type(value).__qualname__} object"
    return f"{module}.{name}"


def _settable(look: Callable[[], Value], put: Callable[[Value], object]) -> Condition:
    def put_and_undo(value: Value) -> Undo:
        before = look()
        put(value)
        return lambda: (put(before), None)[1]

    return Condition(look, put_and_undo)


# the process


def _folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _mask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _zone() -> list[Any]:
    return [*time.tzname, time.timezone, time.altzone]


def _set_zone(value: Value) -> None:
    """Apply the variable TZ. Raises ValueError if the result is another zone."""
    time.tzset()
    if _zone() != value:
        raise ValueError(f"TZ gives {_zone()}")


def _locale() -> str:
    return locale.setlocale(locale.LC_ALL)


# modules of the standard library with state


def _decimal_context() -> Any:
    """Return the context if there is one; getcontext() would create it, and the app could see that."""
    if "decimal" not in sys.modules:
        return None
    variables = contextvars.copy_context()
    return next((value for each, value in variables.items() if each.name == "decimal_context"), None)


def _decimals() -> Value:
    context = _decimal_context()
    if context is None:
        return None
    traps = [signal.__name__ for signal, on in context.traps.items() if on]
    parts = [context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp]
    value = [*parts, sorted(traps)]
    return None if value == _DECIMALS else value


_DECIMALS: list[Any] = [
    *(28, "ROUND_HALF_EVEN", -999999, 999999, 1, 0),
    ["DivisionByZero", "InvalidOperation", "Overflow"],
]


def _set_decimals(value: Value) -> None:
    import decimal

    *parts, traps = value or _DECIMALS
    prec, rounding, least, most, capitals, clamp = parts
    signals = [getattr(decimal, name) for name in traps]
    decimal.setcontext(decimal.Context(prec, rounding, least, most, capitals, clamp, [], signals))


def _mimetypes() -> Value:
    mimetypes = sys.modules.get("mimetypes")
    if mimetypes is None or not mimetypes.inited:
        return None
    return [len(mimetypes.types_map), len(mimetypes.common_types), len(mimetypes.encodings_map)]


def _refuse(value: Value) -> None:
    raise ValueError(f"{value} cannot be made elsewhere")


def _temporary() -> Value:
    return tempfile.tempdir if isinstance(tempfile.tempdir, str) else None


def _set_temporary(value: Value) -> None:
    tempfile.tempdir = value


# warnings


def filters() -> list[Value]:
    """Return the warning filters in a form that can be sent."""
    return [
        [action, _pattern(message), described(category), _pattern(module), line]
        for action, message, category, module, line in warnings.filters
    ]


def _pattern(pattern: Any) -> Value:
    return [pattern.pattern, pattern.flags] if isinstance(pattern, re.Pattern) else pattern


def _put_filters(value: Value) -> Undo:
    """Set the filters, except those whose category is not loaded here, and so is never issued."""
    start = list(warnings.filters)
    known = dict(zip(map(repr, filters()), start, strict=True))
    planted: list[Any] = []
    wanted = []
    for each in value:
        existing = known.get(repr(each))
        if existing is None and (made := _made(each)) is not None:
            planted.append(made)
            existing = made
        if existing is not None:
            wanted.append(existing)
    _set_filters(wanted)

    def undo() -> None:
        """Remove these filters, and keep those that modules have added since."""
        kept = [each for each in warnings.filters if not any(each is other for other in planted)]
        _set_filters([*kept, *(each for each in start if each not in kept)])

    return undo


def _made(value: Value) -> Any:
    action, message, category, module, line = value
    folder, _, name = category.rpartition(".")
    kind = getattr(sys.modules.get(folder), name, None)
    if not isinstance(kind, type):
        return None
    patterns = [re.compile(*each) if isinstance(each, list) else each for each in (message, module)]
    return (action, patterns[0], kind, patterns[1], line)


def _set_filters(wanted: Sequence[Any]) -> None:
    kept: Any = warnings.filters
    kept[:] = wanted
    with warnings.catch_warnings():
        pass  # this clears the cached decisions of the old filters


def order_filters(value: list[Value]) -> None:
    """Put the filters into this order, if they are the same ones."""
    now = filters()
    if now != value and sorted(map(repr, now)) == sorted(map(repr, value)):
        by_name = dict(zip(map(repr, now), list(warnings.filters), strict=True))
        _set_filters([by_name[repr(each)] for each in value])


# logging


class LogProbe(logging.Handler):
    """Stands in for the app's handlers in a process without the app; notes whether anything logs."""

    logged = False

    def emit(self, record: logging.LogRecord) -> None:
        """Note that code has logged."""
        LogProbe.logged = True


def _root() -> Value:
    root = logging.root
    return [root.level, root.manager.disable, len(root.handlers)]


def _put_root(value: Value) -> Undo:
    root = logging.root
    handlers, before = root.handlers[:], _root()
    level, disable, count = value
    root.handlers[:] = [LogProbe() for _ in range(count)]
    root.setLevel(level)
    logging.disable(disable)

    def undo() -> None:
        root.handlers[:] = [*handlers, *(each for each in root.handlers if not isinstance(each, LogProbe))]
        root.setLevel(before[0])
        logging.disable(before[1])

    return undo


def loggers() -> Value:
    """Return the configuration of the root logger and of each logger that was configured."""
    found = [logging.root, *logging.root.manager.loggerDict.values()]
    return sorted(
        [each.name, each.level, each.disabled, each.propagate, list(map(described, each.handlers))]
        for each in found
        if isinstance(each, logging.Logger)
        and (each.level or each.disabled or not each.propagate or each.handlers)
    )


# hooks

_HOOKS = {
    f"{name}.{hook}": (name, hook)
    for name, hooks in {
        "sys": ("excepthook", "displayhook", "unraisablehook", "breakpointhook"),
        "threading": ("excepthook",),
        "warnings": ("showwarning", "formatwarning"),
    }.items()
    for hook in hooks
}


def hook(name: str) -> object:
    """Return the function that a hook calls."""
    module, attribute = _HOOKS[name]
    return getattr(sys.modules.get(module), attribute, None)


def _hook_condition(name: str) -> Condition:
    return Condition(lambda: described(hook(name)))


def _timeout() -> Value:
    return socket.getdefaulttimeout()


CONDITIONS: dict[str, Condition] = {
    "the working directory": _settable(_folder, os.chdir),
    "the file mode mask": _settable(_mask, os.umask),
    "the time zone": _settable(_zone, _set_zone),
    "the locale": _settable(_locale, lambda value: locale.setlocale(locale.LC_ALL, value)),
    "the decimal context": _settable(_decimals, _set_decimals),
    "the recursion limit": _settable(sys.getrecursionlimit, sys.setrecursionlimit),
    "the default timeout of sockets": _settable(_timeout, socket.setdefaulttimeout),
    "the folder for temporary files": _settable(_temporary, _set_temporary),
    "the types of files (mimetypes)": _settable(_mimetypes, _refuse),
    "the filters of warnings": Condition(filters, _put_filters),
    "the root logger": Condition(_root, _put_root),
    **{name: _hook_condition(name) for name in _HOOKS},
}
HOOKS = tuple(_HOOKS)
