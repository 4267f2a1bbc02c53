"""Process state that a fork would share or lose: it decides whether Managers and images may fork.

Law: each function only inspects the process.
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
from contextlib import suppress

_DESCRIPTORS = "/proc/self/fd"
_TASKS = "/proc/self/task"
_FORKABLE = ("jemalloc_bg_thd",)
"""Names of threads that a fork may lose: jemalloc has fork handlers, and works without its threads."""
_HARMLESS = ("/dev/urandom", "/dev/random", "/dev/null")
_WORDS = (
    ("socket:", "opens sockets"),
    ("pipe:", "opens pipes"),
    ("anon_inode:", "opens queues of events"),
    ("/memfd:", "opens files in memory"),
    ("/dev/", "opens devices"),
)
_POOL = re.compile(r"\S*/lib(?:scipy_)?openblas[^/\s]*\.so[^/\s]*$", re.MULTILINE)
_POOL_PREFIXES, _POOL_SUFFIXES = ("scipy_openblas", "openblas"), ("64_", "_64_", "")


def count_threads() -> int:
    """Return the number of threads, C's and this one included, of which a fork keeps one; 1 if unknown."""
    try:
        tasks = os.listdir(_TASKS)
    except FileNotFoundError:
        return 1
    return len(tasks) if len(tasks) == 1 else sum(_name_of(task) not in _FORKABLE for task in tasks)


def _name_of(task: str) -> str:
    try:
        with open(f"{_TASKS}/{task}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def native_threads() -> int:
    """Return the number of threads that Python does not know."""
    return count_threads() - 1 - _thread._count()


def pool_threads() -> int:
    """Return the number of threads of the loaded OpenBLAS libraries, which end them before a fork.

    numpy's wheels have one, scipy's another. A library built with OpenMP does not count.
    """
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            paths = set(_POOL.findall(maps.read()))
    except FileNotFoundError:
        return 0
    return sum(_threads_of(path) for path in paths)


def _threads_of(path: str) -> int:
    with suppress(OSError, ImportError):  # the preload may exclude ctypes
        import ctypes

        library = ctypes.CDLL(path)
        for prefix in _POOL_PREFIXES:
            for suffix in _POOL_SUFFIXES:
                count = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
                kind = getattr(library, f"{prefix}_get_parallel{suffix}", None)
                if count is not None and kind is not None:
                    return int(count()) - 1 if kind() == 1 else 0
    return 0


def has_children() -> bool:
    """Return whether this process has a child, ended or not."""
    if not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def has_timers() -> bool:
    """Return whether an interval timer runs: a fork has none."""
    kinds = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
    return any(signal.getitimer(kind)[0] > 0 for kind in kinds)


def descriptors() -> dict[int, str]:
    """Return the targets of open descriptors, without logs (see is_log); empty without /proc."""
    found = {}
    with suppress(FileNotFoundError):
        for name in os.listdir(_DESCRIPTORS):
            with suppress(FileNotFoundError):  # the listing's own
                found[int(name)] = os.readlink(f"{_DESCRIPTORS}/{name}")
    return {fd: target for fd, target in found.items() if target not in _HARMLESS and not is_log(fd)}


def opens(target: str) -> str:
    """Return the verb phrase for code that leaves a descriptor of `target` open."""
    words = (words for start, words in _WORDS if target.startswith(start))
    return next(words, f"opens {os.path.basename(target)}")


def is_log(fd: int) -> bool:
    """Return whether a file is only appended to: processes can share it safely."""
    with suppress(OSError):
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        appended = flags & os.O_ACCMODE == os.O_WRONLY and bool(flags & os.O_APPEND)
        return appended and stat.S_ISREG(os.fstat(fd).st_mode)
    return False


def open_logs() -> list[int]:
    """Return the descriptors of files that are only appended to."""
    with suppress(FileNotFoundError):
        return [int(name) for name in os.listdir(_DESCRIPTORS) if is_log(int(name))]
    return []


def flush_logs() -> None:
    """Flush the buffers of such files: each process that inherits one would write it again."""
    for each in gc.get_objects():
        if type(each) in (io.TextIOWrapper, io.BufferedWriter):
            with suppress(OSError, ValueError):
                if is_log(each.fileno()):
                    each.flush()


def shared_memory() -> set[str]:
    """Return the writable shared mappings: a fork and its parent would write to the same memory."""
    found = set()
    with suppress(OSError), open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            parts = line.split(None, 5)
            if len(parts) > 1 and parts[1][1:2] == "w" and parts[1][3:4] == "s":
                found.add(parts[5].strip() if len(parts) > 5 else f"memory at {parts[0]}")
    return found
