"""Copies memory pages ahead that this process shares and is going to write: each later costs some µs.

Law: what the pages hold stays as it is. Without /proc or a kernel that can do it, nothing happens.
"""

from __future__ import annotations

import array
import ctypes
import mmap
from collections.abc import Iterator
from contextlib import suppress

MOST = (16 << 20) // mmap.PAGESIZE
"""Pages that are copied ahead at most: 16 MB."""
MOST_SEEN = (1 << 30) // mmap.PAGESIZE
"""Pages that are looked at at most, 1 GB: a save may be waiting."""
_POPULATE_WRITE = 23
"""MADV_POPULATE_WRITE, since Linux 5.14."""
_PRESENT, _OF_FILE, _ITS_OWN = 1 << 63, 1 << 61, 1 << 56
"""Flags of a page, from the kernel's admin-guide/mm/pagemap.rst."""


def copy_ahead(pid: int) -> None:
    """Copy the pages that `pid`, an earlier fork of the same process, has written so far."""
    madvise = ctypes.CDLL(None).madvise
    left = MOST
    with suppress(Exception):  # it has exited, or runs as another user
        for first, count in _written(pid):
            address, size = first * mmap.PAGESIZE, min(count, left) * mmap.PAGESIZE
            done = madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), _POPULATE_WRITE) == 0
            left -= min(count, left) if done else 0  # this process may not have them
            if not left:
                return


def _written(pid: int) -> Iterator[tuple[int, int]]:
    """Yield the numbers of private pages that no other process shares: the first of a row, and how many."""
    left = MOST_SEEN
    with (
        open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as maps,
        open(f"/proc/{pid}/pagemap", "rb") as pagemap,
    ):
        for line in maps:
            area, access = line.split(maxsplit=2)[:2]
            first, end = (int(address, 16) // mmap.PAGESIZE for address in area.split("-"))
            if access != "rw-p" or end - first > left:
                continue
            left -= end - first
            flags = array.array("Q")
            pagemap.seek(first * flags.itemsize)
            flags.frombytes(pagemap.read((end - first) * flags.itemsize))
            yield from _rows(first, flags)


def _rows(first: int, flags: array.array[int]) -> Iterator[tuple[int, int]]:
    count = 0
    for page, flag in enumerate(flags, first):
        if flag & (_PRESENT | _OF_FILE | _ITS_OWN) == _PRESENT | _ITS_OWN:
            count += 1
        elif count:
            yield page - count, count
            count = 0
    if count:
        yield first + len(flags) - count, count
