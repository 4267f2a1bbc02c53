"""Files of an app that imports itself by rules so simple that a cold start of the disk can be worked out.

A text says what it imports and what is wrong with it.
"""

from __future__ import annotations

from ast import literal_eval
from typing import NamedTuple

from devserver.ipc.messages import Source

MAIN, PART, STRAY, FEATURE = "/p/main.py", "/p/part.py", "/p/stray.py", "/p/new/feature.py"
PATHS = (MAIN, PART, STRAY, FEATURE)


class Text(NamedTuple):
    """What is in a file. `fault`: a typo, or an import that fails; `tries`: what it can do without."""

    version: int
    fault: str = ""
    imports: tuple[str, ...] = ()
    tries: tuple[str, ...] = ()


class Broken(Exception):
    """The code cannot start, and this is why."""


def source(path: str, text: Text | None) -> Source:
    """Return a file's state as it travels; None: it is absent."""
    data = repr(tuple(text)).encode() if text else b""
    return Source(path, data, data if text else None)


def text_of(source: Source) -> Text | None:
    """Return what a file's state holds."""
    return Text(*literal_eval(source.source.decode())) if source.source is not None else None


def attempt(path: str, files: dict[str, Source], ran: dict[str, bytes]) -> None:
    """Import a module, and go on without it if that fails."""
    try:
        run(path, files, ran)
    except Broken:
        ran.pop(path, None)


def run(path: str, files: dict[str, Source], ran: dict[str, bytes]) -> None:
    """Import a module and what it imports; `ran` gets the digest of each. Raises Broken."""
    if path in ran:
        return
    found = files.get(path)
    if found is None or found.source is None:
        raise Broken(f"no module {path}")
    ran[path] = found.digest
    text = text_of(found)
    assert text is not None
    if text.fault == "typo":
        raise Broken(f"typo in {path}")
    for name in text.imports:
        run(name, files, ran)
    for name in text.tries:
        attempt(name, files, ran)
    if text.fault:
        raise Broken(f"crash in {path}")
