"""Files of an app whose imports are so simple that a test can work out what a cold start would run.

The text of a file states what the file imports and how it fails.
"""

from __future__ import annotations

from ast import literal_eval
from typing import NamedTuple

from devserver.ipc.messages import Source

MAIN, PART, STRAY, FEATURE = "/p/main.py", "/p/part.py", "/p/stray.py", "/p/new/feature.py"
PATHS = (MAIN, PART, STRAY, FEATURE)


class FileText(NamedTuple):
    """What is in a file. `fault`: a typo, or an import that fails; `tries`: what it can do without."""

    version: int
    fault: str = ""
    imports: tuple[str, ...] = ()
    tries: tuple[str, ...] = ()


class Broken(Exception):
    """The code cannot start; the message shows why."""


def source(path: str, text: FileText | None) -> Source:
    """Return a file's state as messages carry it; None: the file is absent."""
    data = repr(tuple(text)).encode() if text else b""
    return Source(path, data, data if text else None)


def text_in(source: Source) -> FileText | None:
    """Return the text in a file's state, or None if the file is absent."""
    return FileText(*literal_eval(source.source.decode())) if source.source is not None else None


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
    text = text_in(found)
    assert text is not None
    if text.fault == "typo":
        raise Broken(f"typo in {path}")
    for name in text.imports:
        run(name, files, ran)
    for name in text.tries:
        attempt(name, files, ran)
    if text.fault:
        raise Broken(f"crash in {path}")
