"""The file systems that report no changes, or only those made on this machine."""

from __future__ import annotations

import os
import re

SILENT = frozenset(
    (
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "virtiofs",
        "drvfs",
        "vboxsf",
        "vmhgfs",
        "prl_fs",
        "fakeowner",
        "ceph",
        "afs",
        "lustre",
        "gpfs",
        "beegfs",
        "fuse",
        "fuseblk",
    )
)
"""Types as in /proc/self/mountinfo; all of FUSE's own (fuse.sshfs, fuse.grpcfuse …) belong to them."""


class Mounts:
    """The mounts of this system, from the text of /proc/self/mountinfo; see proc_pid_mountinfo(5)."""

    def __init__(self, table: str) -> None:
        self._types: list[tuple[str, str]] = []
        for line in table.splitlines():
            left, _, right = line.partition(" - ")
            fields, kind = left.split(), right.split()
            if len(fields) > 4 and kind:
                self._types.append((_unescape(fields[4]), kind[0]))
        # The last mount on a point hides the others: it comes first among equals.
        self._types.reverse()
        self._types.sort(key=lambda entry: len(entry[0]), reverse=True)

    def silent(self, folder: str) -> str:
        """Return the type of file system that `folder` is on if it reports no changes, else ""."""
        for point, kind in self._types:
            if folder == point or folder.startswith(point.rstrip("/") + "/"):
                return kind if kind in SILENT or kind.startswith("fuse.") else ""
        return ""


def read_mounts() -> Mounts:
    """Read the table; without one, every file system is taken to report changes."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            return Mounts(table.read())
    except OSError:
        return Mounts("")


def _unescape(text: str) -> str:
    raw = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), text)
    return os.path.normpath(raw)
