"""The `.pyc` files of modules that were not edited in this run: used as Python does, without its trap.

Laws: a `.pyc` is used only if it was written clearly after its source. It is written only for a source that
is clearly older than now. Python compares whole seconds and sizes, which two quick saves can share
(cpython#75953).
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import struct
import sys
import time
from contextlib import suppress
from types import CodeType

_HEADER = struct.Struct("<4sIII")
"""Magic number, flags (0: checked by time and size), the source's time in seconds, and its size: PEP 552."""
_WORD = 0xFFFFFFFF
CLEARLY = 2_000_000_000
"""Nanoseconds: more than the second that Python compares, and than the resolution of file times."""


def read(path: str, source: os.stat_result) -> CodeType | None:
    """Return the code of the file at `path`, None without a trustworthy `.pyc`."""
    try:
        cached = importlib.util.cache_from_source(path)
        with open(cached, "rb") as file:
            written = os.fstat(file.fileno()).st_mtime_ns
            data = file.read()
        header = _HEADER.unpack_from(data)
    except (OSError, NotImplementedError, struct.error):
        return None
    wanted = importlib.util.MAGIC_NUMBER, 0, int(source.st_mtime) & _WORD, source.st_size & _WORD
    if header != wanted or written - source.st_mtime_ns < CLEARLY:
        return None
    try:
        code = marshal.loads(memoryview(data)[_HEADER.size :])
    except (EOFError, ValueError, TypeError):
        return None
    return code if isinstance(code, CodeType) and code.co_filename == path else None


def is_clearly_younger(cached: str, path: str) -> bool:
    """Return whether the file at `cached` was written clearly after that at `path`. Raises OSError."""
    return os.stat(cached).st_mtime_ns - os.stat(path).st_mtime_ns >= CLEARLY


def is_clearly_over(source: os.stat_result) -> bool:
    """Return whether a source file was saved clearly before now."""
    return time.time_ns() - source.st_mtime_ns >= CLEARLY


def write(path: str, source: os.stat_result, code: CodeType) -> None:
    """Keep the code of the file at `path` for the next run, if Python may, and the file is old enough."""
    if sys.dont_write_bytecode or not is_clearly_over(source):
        return
    header = _HEADER.pack(
        importlib.util.MAGIC_NUMBER, 0, int(source.st_mtime) & _WORD, source.st_size & _WORD
    )
    with suppress(OSError, NotImplementedError):  # a folder that is read-only, for one
        cached = importlib.util.cache_from_source(path)
        os.makedirs(os.path.dirname(cached), exist_ok=True)
        unfinished = f"{cached}.{os.getpid()}"
        with open(unfinished, "wb") as file:
            file.write(header + marshal.dumps(code))
        os.replace(unfinished, cached)
