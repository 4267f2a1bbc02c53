"""The side effects of an import on its process, apart from modules.

Laws: three kinds are reported. A fork copies them badly: threads, sockets, children. Or the birth of a Worker
overwrites them: signals, the environment. Or they reach beyond the module: patches of the standard library.
What a fork copies whole is not reported, if the app leaves it alone until then: hooks, the root logger,
variables, the locale. Nor are registries, import hooks, callbacks of atexit and the filters of warnings: a
Worker puts these in order.
"""

from __future__ import annotations

import _thread
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from devserver.manager.preload.conditions_replay import ConditionsReplay, variable
from devserver.worker.image import process_state
from devserver.worker.observe import conditions
from devserver.worker.observe.conditions import HOOKS, LogProbe
from devserver.worker.observe.import_log import disabled_loggers

_PATCHABLE = (
    *("builtins", "importlib", "io", "logging", "os", "queue", "signal", "subprocess", "time", "warnings"),
    *("_thread", "threading", "select", "selectors", "socket", "ssl", "http.client"),
)
_PATCHABLE_CLASSES = (
    ("socket", "socket"),
    ("ssl", "SSLContext"),
    ("ssl", "SSLSocket"),
    ("threading", "Thread"),
    ("subprocess", "Popen"),
    ("logging", "Logger"),
    ("http.client", "HTTPConnection"),
)
_HERE_ONLY = ("the working directory", "the file mode mask")
"""Conditions whose change the app's code before the import would see."""
_PUT_IN_ORDER = "the filters of warnings"
_LIBRARYS = 0b11 << 31
"""Signals 32 and 33: glibc reserves them when the first thread starts."""


class SideEffects:
    """Compares the process with its earlier state. `stage` knows what the app has changed."""

    def __init__(self, stage: ConditionsReplay) -> None:
        self._stage = stage
        self._patched = _Patched()
        self._pool = process_state.native_threads()
        self.renew()

    def renew(self) -> None:
        """Take the present state as the one to compare with."""
        self._before = _state()
        self._environment = dict(os.environ)
        self._conditions = conditions.look()
        LogProbe.logged = False

    def left(self) -> list[str]:
        """Return the side effects since then, each as a verb phrase. Hand on those that may stay."""
        before, now = self._before, _state()
        left = [what for what in now if now[what] != before[what] and what != _OPEN]
        opened = sorted(set(now[_OPEN].items()) - set(before[_OPEN].items()))
        left += dict.fromkeys(process_state.opens(target) for _fd, target in opened)
        if set(before[_OPEN]) - set(now[_OPEN]):
            left.append("closes what it did not open")
        if (native := process_state.native_threads()) > self._pool and native > process_state.pool_threads():
            left.append("starts native threads")
        self._pool = native
        left += [f"patches {what}" for what in self._patched.replaced()]
        left += self._conditions_changed() + self._variables_changed()
        if LogProbe.logged:
            left.append("logs")
        self.renew()
        return left

    def _conditions_changed(self) -> list[str]:
        now, touched = conditions.look(), self._stage.touched
        return [
            f"changes {name}"
            for name, value in now.items()
            if value != self._conditions[name]
            and (name in _HERE_ONLY or (name in touched and name != _PUT_IN_ORDER))
        ]

    def _variables_changed(self) -> list[str]:
        before, now = self._environment, dict(os.environ)
        left = []
        for name in sorted(before.keys() | now.keys()):
            value = now.get(name)
            if value == before.get(name):
                continue
            if value is None or variable(name) in self._stage.touched or _names_process(value):
                left.append(f"changes os.environ ({name})")
            else:
                self._stage.handed_on[name] = value
        return left


_OPEN = "leaves descriptors open"


def _state() -> dict[str, Any]:
    """Return the compared state, by the phrase for a module that changes it."""
    return {
        "starts a thread": _thread._count(),
        "starts a process": process_state.has_children(),
        _OPEN: process_state.descriptors(),
        "changes signal handling": _signals(),
        "sets a trace function": (
            sys.gettrace(),
            sys.getprofile(),
            threading.gettrace(),
            threading.getprofile(),
        ),
        "replaces sys.stdin, stdout or stderr": (sys.stdin, sys.stdout, sys.stderr),
        "changes sys.path": sys.path[:],
        "changes sys.argv": sys.argv[:],
        "disables loggers": disabled_loggers(),
        "makes a temporary file": getattr(tempfile, "_name_sequence", None) is not None,
    }


def _names_process(text: str) -> bool:
    """Return whether a text contains the pid of this process."""
    return re.search(rf"(?<!\d){os.getpid()}(?!\d)", text) is not None


def _signals() -> tuple[Any, ...]:
    """Return Python's handlers and the kernel's masks: C's handlers are only in these."""
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    masks: list[int] = []
    with suppress(FileNotFoundError), open("/proc/self/status", encoding="utf-8", errors="replace") as status:
        lines = (line.split() for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt")))
        masks = [int(mask, 16) & ~_LIBRARYS for _name, mask in lines]
    return wakeup, handlers, masks, signal.getitimer(signal.ITIMER_REAL)[0] > 0


class _Patched:
    """Finds replaced functions and classes of the standard library."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        self.replaced()

    def replaced(self) -> list[str]:
        """Return what was replaced since the last call."""
        found = []
        for name, namespace in _namespaces().items():
            known = self._known.get(name)
            if known is not None and known != namespace:
                found += [
                    f"{name}.{key}"
                    for key, was in known.items()
                    if callable(was) and namespace.get(key) is not was and f"{name}.{key}" not in HOOKS
                ]
            if known != namespace:
                self._known[name] = dict(namespace)
        return found


def _namespaces() -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {
        name: vars(sys.modules[name]) for name in _PATCHABLE if name in sys.modules
    }
    for module, name in _PATCHABLE_CLASSES:
        if module in found:
            found[f"{module}.{name}"] = vars(found[module][name])
    return found
