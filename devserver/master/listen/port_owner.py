"""Finds the process that listens on a TCP port, for error messages; on Linux only, in /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LISTENING = "0A"


def owner_of(port: int) -> int:
    """Return the id of a process that listens on `port`; 0 if we can find none."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for folder in Path("/proc").glob("[0-9]*/fd") if sockets else ():
        with suppress(OSError):  # it has exited, or belongs to another user
            if any(_leads_to(descriptor) in sockets for descriptor in folder.iterdir()):
                return int(folder.parent.name)
    return 0


def _listening(port: int) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on `port`; columns as in proc_net_tcp(5)."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for row in Path(table).read_text().splitlines()[1:]:
                columns = row.split()
                if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                    yield columns[9]


def _leads_to(descriptor: Path) -> str:
    with suppress(OSError):
        return os.readlink(descriptor)
    return ""
