"""A failure of the app's code as data: it crosses processes without its classes and outlives its source."""

from __future__ import annotations

import linecache
import re
import traceback
from types import TracebackType
from typing import Any, Literal

import msgspec

Phase = Literal["check", "import", "start-up", "handler", "request", "stop"]

MOST_TEXT = 64 * 1024
"""Characters kept of a message."""
MOST_CAUSES = 16
"""Exceptions kept of a chain."""
EXCERPT_LINES = 4
"""Source lines kept before and after the line at fault."""


class Frame(msgspec.Struct, frozen=True):
    """One level of a traceback, outermost first; `text` is the source line as it was when it ran."""

    path: str
    line: int
    function: str
    text: str = ""


class Place(msgspec.Struct, frozen=True):
    """Where the fault lies: 1-based line and column (0: unknown), and the source around it.

    `excerpt` starts at line `first`; it is carried along because the file may change before it is shown.
    """

    path: str
    line: int
    column: int = 0
    end_column: int = 0
    excerpt: str = ""
    first: int = 1


class Failure(msgspec.Struct, frozen=True):
    """What went wrong in the app's code. `cause` is the exception it came from, as `raise … from` has it."""

    phase: Phase
    type: str
    message: str
    place: Place | None = None
    frames: tuple[Frame, ...] = ()
    cause: Failure | None = None
    stack: str = ""
    """A dump of every thread, where the process was stopped and raised nothing."""
    errno: int = 0

    def __str__(self) -> str:
        where = f"{self.place.path}:{self.place.line}: " if self.place else ""
        return f"{where}{self.type}: {self.message}" if self.message else f"{where}{self.type}"


def excerpt(source: str, line: int) -> tuple[str, int]:
    """Return the lines of `source` around `line` (1-based), and the number of the first of them."""
    lines = source.splitlines()
    first = max(1, line - EXCERPT_LINES)
    return "\n".join(lines[first - 1 : line + EXCERPT_LINES]), first


def line_of_fault(data: bytes, message: str) -> int:
    """Return the line at fault in `data` where compile() names none: a null or undecodable byte's, else 1."""
    position = data.find(b"\0")
    if position < 0 and (named := re.search(r"in position (\d+)", message)):
        position = int(named[1])
    return data.count(b"\n", 0, max(position, 0)) + 1


def name_source(error: Exception, path: str, data: bytes) -> None:
    """Let what compile() raised for the bytes of a file name that file and a line.

    Python names none for an undeclared encoding or hostile nesting, nor, before 3.11.4, for a null byte.
    """
    named: Any = error
    named.filename = getattr(error, "filename", None) or path
    named.lineno = getattr(error, "lineno", None) or line_of_fault(data, str(error))


def place_of_syntax_error(error: Exception, source: str, path: str = "") -> Place:
    """Return where `error`, which has a SyntaxError's attributes, lies in `source`, the text compiled."""
    named: Any = error
    line = named.lineno or 1
    around, first = excerpt(source, line)
    column, end_line, end_column = (getattr(error, at, None) for at in ("offset", "end_lineno", "end_offset"))
    return Place(
        path=named.filename or path,
        line=line,
        column=max(column or 0, 0),  # -1 for an encoding that does not exist
        end_column=max(end_column or 0, 0) if end_line in (None, line) else 0,
        excerpt=around,
        first=first,
    )


def describe(error: BaseException, phase: Phase, own: tuple[str, ...] = ()) -> Failure:
    """Turn an exception into data.

    Frames whose path starts with one of `own` (folders of this package) are left out, so that a traceback
    shows the app's code. The source is taken from linecache, hence from what ran.
    """
    return _describe(error, phase, own, set())


def _describe(error: BaseException, phase: Phase, own: tuple[str, ...], seen: set[int]) -> Failure:
    seen.add(id(error))
    frames = _frames(error.__traceback__, own)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return Failure(
        phase=phase,
        type=_type_name(error),
        message=_message(error),
        place=_place(error, frames),
        frames=frames,
        cause=_describe(cause, phase, own, seen) if cause is not None and _goes_on(cause, seen) else None,
        errno=(error.errno or 0) if isinstance(error, OSError) and isinstance(error.errno, int) else 0,
    )


def _goes_on(cause: BaseException, seen: set[int]) -> bool:
    return id(cause) not in seen and len(seen) < MOST_CAUSES


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        text = str(error.msg) if isinstance(error, SyntaxError) else str(error)
    except BaseException as broken:  # the app's __str__ is the app's code
        return f"<its __str__ raised {type(broken).__name__}>"
    left_out = len(text) - MOST_TEXT
    return text if left_out <= 0 else f"{text[:MOST_TEXT]} … ({left_out:,} characters more)"


def _frames(tb: TracebackType | None, own: tuple[str, ...]) -> tuple[Frame, ...]:
    return tuple(
        Frame(entry.filename, entry.lineno or 0, entry.name, entry.line or "")
        for entry in traceback.extract_tb(tb)
        if not entry.filename.startswith(("<frozen importlib", *own))
    )


def _place(error: BaseException, frames: tuple[Frame, ...]) -> Place | None:
    filename, line = getattr(error, "filename", None), getattr(error, "lineno", None)
    if isinstance(error, Exception) and isinstance(filename, str) and isinstance(line, int):
        return place_of_syntax_error(error, "".join(linecache.getlines(filename)))
    if not frames:
        return None
    last = frames[-1]
    around, first = excerpt("".join(linecache.getlines(last.path)), last.line)
    return Place(path=last.path, line=last.line, excerpt=around, first=first)
