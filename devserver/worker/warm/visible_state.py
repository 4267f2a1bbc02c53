"""Describes the visible state of a process that has imported an app, to compare a swap with a cold start.

Laws: it changes nothing that the app could see. The states of two cold starts with the same files differ only
by time, chance and process ids.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import typing
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from devserver.worker.load.modules import is_module_object
from devserver.worker.warm.describe import Describer, Plain

_OF_A_PROCESS = frozenset(("_", "OLDPWD", "PWD", "SHLVL", "COLUMNS", "LINES"))
"""Environment variables that do not depend on the app."""


def visible_state(owns: Callable[[str], bool]) -> dict[str, Plain]:
    """Return the visible state of the app in this process; `owns`: is a path an own file?"""
    own = {name: module for name, module in list(sys.modules.items()) if _is_own(module, owns)}
    names = {module.__name__ for module in own.values()}
    describer = Describer(lambda module: module in names)
    return {
        "order": list(own),
        "modules": {name: describer.module(module) for name, module in own.items()},
        "overloads": _overloads(names),
        "django": _django(),
        **_process(),
    }


def _is_own(module: Any, owns: Callable[[str], bool]) -> bool:
    if not is_module_object(module):
        return False
    file = vars(module).get("__file__")
    return isinstance(file, str) and owns(os.path.abspath(file))


def _overloads(names: set[str]) -> Plain:
    registry: Any = getattr(typing, "_overload_registry", {})
    return {
        module: {name: list(map(str, lines)) for name, lines in functions.items()}
        for module, functions in registry.items()
        if module in names
    }


def _process() -> dict[str, Plain]:
    return {
        "environment": {name: os.environ[name] for name in sorted(os.environ) if name not in _OF_A_PROCESS},
        "folder": os.getcwd(),
        "path": list(sys.path),
        "finders": [_kind(each) for each in (*sys.meta_path, *sys.path_hooks)],
        "hooks": [_kind(each) for each in (sys.excepthook, sys.displayhook, threading.excepthook)],
        "filters": [_filter(each) for each in warnings.filters],
        "loggers": _loggers(),
        "atexit": str(atexit._ncallbacks()),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "descriptors": _descriptors(),
        "signals": {
            each.name: _kind(signal.getsignal(each)) for each in signal.valid_signals() if _named(each)
        },
    }


def _named(number: Any) -> bool:
    return hasattr(number, "name")


def _kind(value: Any) -> str:
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def _filter(entry: tuple[Any, ...]) -> str:
    action, message, category, module, line = entry
    texts = [getattr(each, "pattern", each) for each in (message, module)]
    return f"{action} {texts[0]} {category.__name__} {texts[1]} {line}"


def _loggers() -> Plain:
    known = dict(logging.root.manager.loggerDict)
    return {
        name: _logger(logger)
        for name, logger in sorted({"root": logging.root, **known}.items())
        if isinstance(logger, logging.Logger) and not name.startswith("devserver")
    }


def _logger(logger: logging.Logger) -> Plain:
    handlers = [f"{_kind(each)} {each.level}" for each in logger.handlers]
    return [logger.level, logger.propagate, logger.disabled, handlers, len(logger.filters)]


def _descriptors() -> Plain:
    """Return the open files except the standard streams; empty where the system does not list them."""
    found = []
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        if name in ("0", "1", "2"):
            continue
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith("/") and not target.startswith(("/proc/", "/dev/")):
            found.append(target)
    return sorted(found)


def _django() -> Plain:
    apps = sys.modules.get("django.apps")
    registry: Any = getattr(apps, "apps", None)
    if registry is None or not registry.ready:
        return None
    signals: Any = sys.modules.get("django.db.models.signals")
    admin: Any = sys.modules.get("django.contrib.admin")
    return {
        "apps": [each.name for each in registry.get_app_configs()],
        "models": [each._meta.label for each in registry.get_models(include_auto_created=True)],
        "receivers": {
            name: len(each.receivers)
            for name, each in vars(signals or registry).items()
            if hasattr(each, "receivers")
        },
        "admin": [_kind(each) for each in getattr(getattr(admin, "site", None), "_registry", {}).values()],
    }


def differences(cold: Plain, hot: Plain, where: str = "") -> Iterator[str]:
    """Yield where and how two states differ."""
    if isinstance(cold, dict) and isinstance(hot, dict):
        if list(cold) != list(hot):
            missing = [each for each in cold if each not in hot]
            extra = [each for each in hot if each not in cold]
            if missing or extra:
                yield f"{where}: cold has also {missing[:5]}, hot has also {extra[:5]}"
            else:
                yield f"{where}: order: cold {list(cold)[:20]}, hot {list(hot)[:20]}"
        for key in cold:
            if key in hot:
                yield from differences(cold[key], hot[key], f"{where}/{key}")
    elif isinstance(cold, list) and isinstance(hot, list) and len(cold) == len(hot):
        for at, (one, other) in enumerate(zip(cold, hot, strict=True)):
            yield from differences(one, other, f"{where}[{at}]")
    elif cold != hot:
        yield f"{where}: cold {_short(cold)}, hot {_short(hot)}"


def _short(value: Plain) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) < 200 else text[:200] + "…"
