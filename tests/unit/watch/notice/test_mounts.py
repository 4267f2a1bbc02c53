"""Which folders must be polled because their file system reports no changes."""

from __future__ import annotations

import pytest

from devserver.watch.notice.mounts import Mounts, read_mounts

TABLE = r"""
22 1 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:30 / /mnt/c rw,noatime - 9p drvfs rw
31 27 0:31 / /work\040shop rw shared:2 master:1 - fuse.sshfs host:/ rw
32 31 0:32 / /work\040shop/fast rw - tmpfs tmpfs rw
33 27 0:33 / /over rw - nfs4 host:/ rw
34 27 0:34 / /over rw - ext4 /dev/vdb rw
a line that is none
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", ""),
        ("/home/me", ""),
        ("/mnt/c", "9p"),
        ("/mnt/c/code", "9p"),
        ("/mnt/cc", ""),
        ("/work shop/app", "fuse.sshfs"),
        ("/work shop/fast/app", ""),
        ("/over/app", ""),
    ],
)
def test_the_nearest_and_last_mount_counts(folder: str, kind: str) -> None:
    """A folder is judged by the file system that it is really on."""
    assert Mounts(TABLE).silent(folder) == kind


def test_this_system() -> None:
    """The kernel's own table can be read; its /proc is no mount that must be polled."""
    assert read_mounts().silent("/proc") == ""
