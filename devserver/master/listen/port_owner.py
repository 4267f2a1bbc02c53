"""Finds the process that listens on a TCP port, for error messages; on Linux only, in /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from devserver.common.listening_ports import listening


def owner_of(port: int) -> int:
    """Return the id of a process that listens on `port`; 0 if we can find none."""
    sockets = {f"socket:[{inode}]" for at, inode in listening() if at == port}
    for folder in Path("/proc").glob("[0-9]*/fd") if sockets else ():
        with suppress(OSError):  # it has exited, or belongs to another user
            if any(_leads_to(descriptor) in sockets for descriptor in folder.iterdir()):
                return int(folder.parent.name)
    return 0


def _leads_to(descriptor: Path) -> str:
    with suppress(OSError):
        return os.readlink(descriptor)
    return ""
