"""Decides whether a boot may have failed because the old Worker holds a resource: pure."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator

from msgspec import Struct

from devserver.common.failure import Failure

_TAKEN = (errno.EADDRINUSE, errno.EAGAIN, errno.EBUSY, errno.ETXTBSY)
_ADDRESS = re.compile(r"address (?:is )?already in use|port \d+ is (?:already )?in use", re.I)
_LOCK = re.compile(
    r"\block(?:ed|file)?\b|lock ?error|resource temporarily unavailable"
    r"|(?:already|being) (?:accessed|used|opened|open)"
    r"|already (?:in use|running)|another (?:instance|process|program)|in use by|exclusive access",
    re.I,
)
_OTHER = ("ImportError", "ModuleNotFoundError", "NameError", "AttributeError", "TypeError", "SyntaxError")
"""Types whose messages are about names."""
_LEAST_NAME = 4
"""Least characters of a file's name that is looked for in a message."""


class Held(Struct, frozen=True):
    """Resources of the live Workers: their process ids, open files, whether any is locked, and ports."""

    pids: frozenset[int] = frozenset()
    files: frozenset[str] = frozenset()
    locks: bool = False
    ports: frozenset[int] = frozenset()


def is_suspect(failure: Failure) -> bool:
    """Return whether a failure suggests that another process holds a resource: a lock, a file, an address."""
    return any(each.errno in _TAKEN or _suggests_taken(each) for each in _chain(failure))


def is_held(failure: Failure, held: Held) -> bool:
    """Return whether a failure suggests that the live Workers hold the resource."""
    if not held.pids or not is_suspect(failure):
        return False
    chain = list(_chain(failure))
    if held.locks or any(each.errno == errno.EADDRINUSE or _ADDRESS.search(each.message) for each in chain):
        return True  # the address may be that of a child process, which the system does not report
    text = "\n".join(each.message for each in chain)
    numbers = {int(number) for number in re.findall(r"(?<!\d)\d{1,9}(?!\d)", text)}
    names = {os.path.basename(path) for path in held.files}
    named = any(len(name) >= _LEAST_NAME and name in text for name in names)
    return named or bool(numbers & (held.pids | held.ports)) or any(path in text for path in held.files)


def _suggests_taken(failure: Failure) -> bool:
    text = f"{failure.type}: {failure.message}"
    if failure.type in _OTHER:
        return False
    return bool(_ADDRESS.search(text) or _LOCK.search(text))


def _chain(failure: Failure) -> Iterator[Failure]:
    current: Failure | None = failure
    while current is not None:
        yield current
        current = current.cause
