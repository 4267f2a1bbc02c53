"""The digest by which files are compared: what runs against what is on disk."""

from __future__ import annotations

import hashlib
import os
import stat

SIZE = 16
LARGEST = 16 * 1024 * 1024
"""Bytes. A larger file is told apart by its signature only."""

Signature = tuple[int, int, int]
"""Modification time in ns, size, inode."""


def digest(source: bytes) -> bytes:
    """Return the digest of a file's bytes."""
    return hashlib.blake2b(source, digest_size=SIZE).digest()


def mark(of: object) -> bytes:
    """Return a digest for what cannot be read, so that a change of it is still a change."""
    return digest(repr(of).encode())


def signature_of(found: os.stat_result) -> Signature:
    """Return what a file looks like without its bytes."""
    return found.st_mtime_ns, found.st_size, found.st_ino


def digest_of_file(path: str) -> bytes:
    """Return the digest of the file at `path` as the watch has it; b"" if there is no such file."""
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
