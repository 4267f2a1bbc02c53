"""The TCP sockets that listen on this machine, by /proc/net/tcp and tcp6: see proc_net_tcp(5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

_LISTEN = "0A"
"""The state TCP_LISTEN."""


def listening() -> Iterator[tuple[int, str]]:
    """Yield port and inode of each socket that listens; nothing without /proc."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError, ValueError, IndexError), open(table, encoding="ascii") as lines:
            next(lines, None)
            for line in lines:
                columns = line.split()
                if columns[3] == _LISTEN:
                    yield int(columns[1].rpartition(":")[2], 16), columns[9]
