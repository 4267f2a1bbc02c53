"""A failure of the app's code as data: it crosses processes without its classes and outlives its source."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

Phase = Literal["check", "import", "start-up", "handler", "request", "stop"]

EXCERPT_LINES = 4
"""Source lines kept before and after the line at fault."""


class Frame(msgspec.Struct, frozen=True):
    """One level of a traceback, outermost first; `text` is the source line as it was when it ran.

    `column` to `end_column` (exclusive) is the part of `text` that ran: characters from 1; 0: all of it.
    """

    path: str
    line: int
    function: str
    text: str = ""
    column: int = 0
    end_column: int = 0


class Place(msgspec.Struct, frozen=True):
    """Where the fault lies: 1-based line and column (0: unknown), and the source around it.

    `excerpt` starts at line `first`; it is carried along because the file may change before it is shown.
    `opening` are the quotes of a string that begins before the excerpt: the colours depend on them.
    """

    path: str
    line: int
    column: int = 0
    end_column: int = 0
    excerpt: str = ""
    first: int = 1
    opening: str = ""


class Failure(msgspec.Struct, frozen=True):
    """What went wrong in the app's code. `place` is the app's own line, if there is one in it.

    `cause` is the exception of `raise … from`; with `handling`, the one that was being handled when this one
    was raised. `group` are the exceptions of an exception group.
    """

    phase: Phase
    type: str
    message: str
    place: Place | None = None
    frames: tuple[Frame, ...] = ()
    cause: Failure | None = None
    stack: str = ""
    """A dump of every thread, where the process was stopped and raised nothing."""
    errno: int = 0
    suggestion: str = ""
    """What Python would add to the message: `Did you mean: 'total'?`"""
    notes: tuple[str, ...] = ()
    handling: bool = False
    group: tuple[Failure, ...] = ()

    def __str__(self) -> str:
        where = f"{self.place.path}:{self.place.line}: " if self.place else ""
        return f"{where}{self.type}: {self.message}" if self.message else f"{where}{self.type}"


def excerpt(source: str, line: int) -> tuple[str, int]:
    """Return the lines of `source` around `line` (1-based), and the number of the first of them."""
    lines = source.splitlines()
    first = max(1, line - EXCERPT_LINES)
    return "\n".join(lines[first - 1 : line + EXCERPT_LINES]), first


_STRINGS = re.compile(
    r"""#[^\n]*|(?P<open>\"{3}|'{3})|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?""", re.DOTALL
)
_ENDS = {quotes: re.compile(r"(?:\\.|[^\\])*?" + quotes, re.DOTALL) for quotes in ('"""', "'''")}


def opening(source: str, first: int) -> str:
    """Return the quotes of the string that is open where line `first` of Python source begins, or ""."""
    before = "".join(source.splitlines(keepends=True)[: first - 1])
    at = 0
    while found := _STRINGS.search(before, at):
        at = found.end()
        if quotes := found["open"]:
            end = _ENDS[quotes].match(before, at)
            if end is None:
                return quotes
            at = end.end()
    return ""


def place_at(path: str, line: int, source: str, column: int = 0, end_column: int = 0) -> Place:
    """Return a place with the lines of `source`, the text of the file, around it."""
    around, first = excerpt(source, line)
    begins = opening(source, first) if path.endswith((".py", ".pyi")) else ""
    return Place(path, line, column, end_column, around, first, begins)


def line_of_fault(data: bytes, message: str) -> int:
    """Return the line at fault in `data` where compile() names none: a null or undecodable byte's, else 1."""
    position = data.find(b"\0")
    if position < 0 and (named := re.search(r"in position (\d+)", message)):
        position = int(named[1])
    return data.count(b"\n", 0, max(position, 0)) + 1


def name_source(error: Exception, path: str, data: bytes) -> None:
    """Make the error that compile() raised for a file's bytes name that file and a line.

    Python names neither for an undeclared encoding or hostile nesting, nor, before 3.11.4, for a null byte.
    """
    named: Any = error
    named.filename = getattr(error, "filename", None) or path
    named.lineno = getattr(error, "lineno", None) or line_of_fault(data, str(error))


def place_of_syntax_error(error: Exception, source: str, path: str = "") -> Place:
    """Return where `error`, which has a SyntaxError's attributes, lies in `source`, the text compiled."""
    named: Any = error
    line = named.lineno or 1
    column, end_line, end_column = (getattr(error, at, None) for at in ("offset", "end_lineno", "end_offset"))
    return place_at(
        named.filename or path,
        line,
        source,
        max(column or 0, 0),  # -1 for an encoding that does not exist
        max(end_column or 0, 0) if end_line in (None, line) else 0,
    )
