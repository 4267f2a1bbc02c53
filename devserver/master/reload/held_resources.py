"""Reads from /proc which files, locks and ports processes hold. Empty without /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from devserver.common.listening_ports import listening
from devserver.master.reload.contention import Held


def held_by(pids: Iterable[int]) -> Held:
    """Return the resources of these processes; takes some milliseconds."""
    known = frozenset(pids)
    targets = {target for pid in known for target in _targets(pid)}
    files = frozenset(
        target for target in targets if os.path.isabs(target) and not target.startswith("/dev/")
    )
    inodes = {target[len("socket:[") : -1] for target in targets if target.startswith("socket:[")}
    return Held(
        known, files, _has_locks(known), frozenset(port for port, inode in listening() if inode in inodes)
    )


def _targets(pid: int) -> Iterator[str]:
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                yield os.readlink(f"/proc/{pid}/fd/{name}")


def _has_locks(pids: frozenset[int]) -> bool:
    """Return whether one of them has a lock. `1: FLOCK  ADVISORY  WRITE 4711 08:01:393220 0 EOF`."""
    with suppress(OSError, ValueError, IndexError), open("/proc/locks", encoding="ascii") as locks:
        return any(int(line.split()[4]) in pids for line in locks if "->" not in line)
    return False
