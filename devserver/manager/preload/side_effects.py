"""The side effects of an import on its process, apart from modules.

Laws: three kinds are reported. A fork copies them badly: threads, sockets, children. Or the birth of a Worker
overwrites them: signals, the environment. Or they reach beyond the module: patches of the standard library.
What a fork copies whole is not reported, if the app leaves it alone until then: hooks, the root logger,
variables, the locale. Nor are registries, import hooks, callbacks of atexit and the filters of warnings: a
Worker puts these in order.
"""

from __future__ import annotations

import _thread
import fcntl
import gc
import io
import os
import re
import signal
import stat
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from devserver.manager.preload.conditions_replay import ConditionsReplay, variable
from devserver.manager.syscalls import count_threads
from devserver.worker.observe import conditions
from devserver.worker.observe.conditions import HOOKS, Ear
from devserver.worker.observe.import_log import disabled_loggers

_DESCRIPTORS = "/proc/self/fd"
_HARMLESS = ("/dev/urandom", "/dev/random", "/dev/null")
_WORDS = (
    ("socket:", "opens sockets"),
    ("pipe:", "opens pipes"),
    ("anon_inode:", "opens queues of events"),
    ("/memfd:", "opens files in memory"),
    ("/dev/", "opens devices"),
)
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
_POOL = re.compile(r"\S*/lib(?:scipy_)?openblas[^/\s]*\.so[^/\s]*$", re.MULTILINE)
_POOL_PREFIXES, _POOL_SUFFIXES = ("scipy_openblas", "openblas"), ("64_", "_64_", "")


class SideEffects:
    """Compares the process with its earlier state. `stage` knows what the app has changed."""

    def __init__(self, stage: ConditionsReplay) -> None:
        self._stage = stage
        self._patched = _Patched()
        self._pool = _native_threads()
        self.renew()

    def renew(self) -> None:
        """Take the present state as the one to compare with."""
        self._before = _state()
        self._environment = dict(os.environ)
        self._conditions = conditions.look()
        Ear.heard = False

    def left(self) -> list[str]:
        """Return the side effects since then, each as a verb phrase. Hand on those that may stay."""
        before, now = self._before, _state()
        left = [what for what in now if now[what] != before[what] and what != _OPEN]
        opened = sorted(set(now[_OPEN].items()) - set(before[_OPEN].items()))
        left += dict.fromkeys(_opens(target) for _fd, target in opened)
        if set(before[_OPEN]) - set(now[_OPEN]):
            left.append("closes what it did not open")
        if (native := _native_threads()) > self._pool and native > _pool_threads():
            left.append("starts native threads")
        self._pool = native
        left += [f"patches {what}" for what in self._patched.news()]
        left += self._conditions_changed() + self._variables_changed()
        if Ear.heard:
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
        "starts a process": _has_children(),
        _OPEN: _descriptors(),
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


def _opens(target: str) -> str:
    words = (words for start, words in _WORDS if target.startswith(start))
    return next(words, f"opens {os.path.basename(target)}")


def _native_threads() -> int:
    """Return how many threads Python does not know."""
    return count_threads() - 1 - _thread._count()


def _has_children() -> bool:
    if not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _descriptors() -> dict[int, str]:
    """Return the targets of open descriptors, {} without /proc. Log files are left out: see _is_log."""
    found = {}
    with suppress(FileNotFoundError):
        for name in os.listdir(_DESCRIPTORS):
            with suppress(FileNotFoundError):  # the listing's own
                found[int(name)] = os.readlink(f"{_DESCRIPTORS}/{name}")
    return {fd: target for fd, target in found.items() if target not in _HARMLESS and not _is_log(fd)}


def _is_log(fd: int) -> bool:
    """Return whether a file is only appended to: processes can share it safely."""
    with suppress(OSError):
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        appended = flags & os.O_ACCMODE == os.O_WRONLY and bool(flags & os.O_APPEND)
        return appended and stat.S_ISREG(os.fstat(fd).st_mode)
    return False


def flush_logs() -> None:
    """Flush the buffers of log files: else each Worker would write them again."""
    for each in gc.get_objects():
        if type(each) in (io.TextIOWrapper, io.BufferedWriter):
            with suppress(OSError, ValueError):
                if _is_log(each.fileno()):
                    each.flush()


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
        self.news()

    def news(self) -> list[str]:
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


def _pool_threads() -> int:
    """Return how many threads the loaded OpenBLAS libraries have: they end them before a fork.

    numpy's wheels have one, scipy's another. A library built with OpenMP does not count.
    """
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            paths = set(_POOL.findall(maps.read()))
    except FileNotFoundError:
        return 0
    return sum(_threads_of(path) for path in paths)


def _threads_of(path: str) -> int:
    with suppress(OSError, ImportError):  # ctypes may be what is left out
        import ctypes

        library = ctypes.CDLL(path)
        for prefix in _POOL_PREFIXES:
            for suffix in _POOL_SUFFIXES:
                count = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
                kind = getattr(library, f"{prefix}_get_parallel{suffix}", None)
                if count is not None and kind is not None:
                    return int(count()) - 1 if kind() == 1 else 0
    return 0
