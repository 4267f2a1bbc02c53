"""Summarises a module's namespace after its import, so that two processes can be compared.

Law: equal values have equal marks in every process. For a value that cannot be compared (an object, a list
that others add to), only its type counts.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any
from zlib import crc32

SIZE = 4
"""Bytes of a mark."""
_WIDE = 1 << 40
"""Larger numbers are taken for addresses, hashes and times, which differ between processes."""
_LONGEST = 64
"""Items of a tuple that are compared."""
_FORK_AWARE = "_rng_pid"
"""An attribute of tempfile's generator of names, which itself notices a fork."""
_UNIQUE = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}")
"""The random part of a unique name."""
_NAMED = frozenset((FunctionType, BuiltinFunctionType, type))
_SIMPLE = frozenset((str, bytes, bool, type(None)))
_CHANGING = frozenset((int, str, bytes, tuple))
_PLAIN = _NAMED | _SIMPLE | {ModuleType, float, tuple, list, set}


def marks(module: ModuleType) -> dict[bytes, str]:
    """Return a module's names by their marks, without those that every module has and submodules."""
    prefix = f"{module.__name__}."
    found = {}
    for name, value in list(module.__dict__.items()):
        if type(name) is not str or name[:2] == "__":
            continue
        text = _text(value)
        if text != f"module {prefix}{name}":
            found[crc32(f"{name}={text}".encode("utf-8", "surrogatepass")).to_bytes(SIZE, "big")] = name
    return found


def packed(module: ModuleType) -> bytes:
    """Return a module's marks in the form in which they are sent."""
    return b"".join(sorted(marks(module)))


def differing(module: ModuleType, sent: bytes) -> list[str] | None:
    """Return the names of a module that differ from the sent marks. None: equal; []: some are missing."""
    here, there = marks(module), _unpacked(sent)
    extra = here.keys() - there
    if len(extra) < len(there - here.keys()):
        return sorted(here[mark] for mark in extra)
    return sorted(here[mark] for mark in extra) or None


def kept(module: ModuleType, names: list[str], elsewhere: bytes) -> list[str]:
    """Return those of `names` whose values were equal in a similar process: the others vary by chance."""
    here, there = marks(module), _unpacked(elsewhere)
    return sorted(name for mark, name in here.items() if name in names and mark in there)


def may_be_chance(module: ModuleType, names: list[str]) -> bool:
    """Return whether the values of all these names may depend on the time, chance or an address."""
    return bool(names) and all(type(module.__dict__[name]) in _CHANGING for name in names)


def _unpacked(sent: bytes) -> set[bytes]:
    return {sent[start : start + SIZE] for start in range(0, len(sent), SIZE)}


def pids(module: ModuleType, pid: int = 0) -> tuple[str, ...]:
    """Return where a module, a class or an object in it keeps a process id (0: that of this process)."""
    return tuple(_pids(module, pid or os.getpid()))


def _pids(module: ModuleType, pid: int) -> Iterator[str]:
    for name, value in list(module.__dict__.items()):
        kind = type(value)
        if kind is int:
            if value == pid:
                yield name
        elif kind not in _PLAIN:
            inner = _attributes(value) if kind is not dict else value if len(value) <= _LONGEST else {}
            for key, each in list(inner.items()):
                if type(each) is int and each == pid and key != _FORK_AWARE:
                    yield f"{name}.{key}"


def _attributes(value: object) -> Mapping[object, object]:
    """Return an object's `__dict__`, without running code of its class."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except (AttributeError, TypeError):
        return {}
    return found if type(found) is dict else {}


def _text(value: Any) -> str:
    kind = type(value)
    if kind in _NAMED:
        return f"{value.__module__}.{value.__qualname__}"
    if kind is int:
        return "thread" if value == threading.get_ident() else f"int {value if abs(value) < _WIDE else '…'}"
    if kind is str:
        return f"str {_UNIQUE.sub('', value)!r}"
    if kind in _SIMPLE:
        return f"{kind.__name__} {value!r}"
    if kind is tuple:
        return f"tuple {len(value)} {[_text(each) for each in value[:_LONGEST]]}"
    if kind is ModuleType:
        return f"module {value.__name__}"
    return kind.__name__
