"""Reads files: content, digest, and the signature that shows later whether the file has changed."""

from __future__ import annotations

import os
import stat

from msgspec import Struct

from devserver.ipc.source_digest import LARGEST, Signature, digest, mark, signature_of


class Content(Struct, frozen=True):
    """A file as it was read; the content of a link to a folder is the folder's path.

    No data: absent (the digest is b"" then), unreadable, or not a file.
    """

    path: str
    data: bytes | None = None
    digest: bytes = b""
    signature: Signature | None = None
    target: str = ""
    """Where the file really lies, if `path` is a symbolic link."""
    error: str = ""


def signature(path: str) -> Signature | None:
    """Return the signature of `path`, None if there is no such file."""
    try:
        return signature_of(os.stat(path))
    except OSError:
        return None


def read(path: str) -> Content:
    """Read a file. Never waits for a pipe or a device. Raises nothing."""
    try:
        target = os.path.realpath(path) if os.path.islink(path) else ""
        if target and os.path.isdir(path):
            where = os.fsencode(target)
            return Content(path, where, digest(where), signature(path), target)
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return Content(path)
    except OSError as error:
        return Content(path, digest=mark(error.errno), error=error.strerror or str(error))
    try:
        return _read_open(path, file, target)
    except OSError as error:
        return Content(path, digest=mark(error.errno), target=target, error=error.strerror or str(error))
    finally:
        os.close(file)


def _read_open(path: str, file: int, target: str) -> Content:
    # The stat comes before the bytes: a write in between makes the two differ at the next look.
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        return Content(path)
    seen = signature_of(found)
    if found.st_size > LARGEST:
        return Content(path, None, mark(seen), seen, target, error="the file is larger than 16 MiB")
    with open(file, "rb", closefd=False) as opened:
        data = opened.read()
    return Content(path, data, digest(data), seen, target)
