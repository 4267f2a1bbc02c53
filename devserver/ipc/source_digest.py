"""The digest that compares the code that runs with the file on the disk."""

from __future__ import annotations

import hashlib
import os
import stat

SIZE = 16
LARGEST = 16 * 1024 * 1024
"""Bytes. A larger file is compared by its signature only."""

Signature = tuple[int, int, int]
"""Modification time in ns, size, inode."""


def digest(source: bytes) -> bytes:
    """Return the digest of a file's bytes."""
    return hashlib.blake2b(source, digest_size=SIZE).digest()


def mark(of: object) -> bytes:
    """Return a digest of a file that cannot be read, so that its changes are still noticed."""
    return digest(repr(of).encode())


def signature_of(found: os.stat_result) -> Signature:
    """Return the signature of a file: what identifies it without reading it."""
    return found.st_mtime_ns, found.st_size, found.st_ino


def digest_of_file(path: str) -> bytes:
    """Return the digest of the file at `path` as the watch computes it; b"" if there is no such file."""
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                return b""
            return mark(signature_of(found)) if found.st_size > LARGEST else digest(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        return mark(error.errno)


def was_changed_since(path: str, time_ns: int) -> bool:
    """Return whether the file at `path` was written, or put there, at this time or later; False if absent."""
    try:
        return os.stat(path).st_ctime_ns >= time_ns
    except OSError:
        return False
