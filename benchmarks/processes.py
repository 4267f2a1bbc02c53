"""What a tree of processes costs, as Linux tells it: memory, processor time, threads, inotify watches."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
LEAVING = 4.0
"""Seconds that a server may take to leave."""


def tree(root: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            children.setdefault(int(_stat(pid)[1]), []).append(pid)
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def memory(root: int) -> float:
    """Return the proportional set size of a tree in MB."""
    megabytes = 0.0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            megabytes += own_memory(pid)
    return megabytes


def own_memory(pid: int) -> float:
    """Return the proportional set size of a process in MB: a page that n processes share counts 1/n for each.

    Raises OSError if it is gone.
    """
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def processor_time(root: int) -> float:
    """Return the seconds of processor time that a tree has taken, children that have ended included."""
    ticks = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            ticks += sum(map(int, _stat(pid)[11:15]))
    return ticks / TICK


def await_rest(root: int, patience: float = 10.0) -> None:
    """Return when a tree has taken next to no processor time for 0.3 s, at the latest after `patience`."""
    end = time.monotonic() + patience
    before = processor_time(root)
    while time.monotonic() < end:
        time.sleep(0.3)
        now = processor_time(root)
        if now - before < 0.025:
            return
        before = now


def threads(pid: int) -> int:
    """Return how many threads a process has."""
    return len(os.listdir(f"/proc/{pid}/task"))


def inotify_watches(pid: int) -> int:
    """Return how many folders and files a process watches."""
    count = 0
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            count += info.read_text().count("inotify wd:")
    return count


def end(process: subprocess.Popen[bytes]) -> bool:
    """End a server that this program started, and what it started; return whether it left by itself."""
    family = dict(_birth_times(tree(process.pid)))
    process.send_signal(signal.SIGTERM)
    left = True
    try:
        process.wait(LEAVING)
    except subprocess.TimeoutExpired:
        left = False
        process.kill()
        process.wait()
    for pid, born in family.items():
        if dict(_birth_times([pid])).get(pid) == born:  # and not another process by now
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    return left


def _birth_times(pids: list[int]) -> Iterator[tuple[int, str]]:
    for pid in pids:
        with contextlib.suppress(OSError):
            yield pid, _stat(pid)[19]


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on: see proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
