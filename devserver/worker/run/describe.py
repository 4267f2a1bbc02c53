"""Turns an exception into data: everything that Python would print, and the app's own line.

Law: it always returns a Failure of bounded size, whatever the app's exception does when it is read.
"""

from __future__ import annotations

import builtins
import linecache
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeGuard

from devserver.common.failure import Failure, Frame, Phase, Place, place_at, place_of_syntax_error
from devserver.common.foreign import is_foreign

MOST_TEXT = 64 * 1024
"""Characters kept of a message, and of a note."""
MOST_EXCEPTIONS = 16
"""Exceptions kept of a chain and its groups."""
MOST_NOTES = 20
MOST_FRAMES = 2_000
"""Frames kept of one traceback: as many outermost as innermost ones."""
MOST_NAMES = 1_000
ALIKE = 0.7
"""Least similarity of two names, from 0 to 1, for a suggestion."""

_NO_NAME = re.compile(r"cannot import name '(\w+)' from")


def describe(error: BaseException, phase: Phase, own: tuple[str, ...] = ()) -> Failure:
    """Return `error` as data.

    Frames whose path starts with one of `own` (folders of devserver) are left out. The source comes from
    linecache, so it is what ran.
    """
    return _Description(phase, own).of(error)


class _Description:
    """One exception with its causes and groups, each of them once."""

    def __init__(self, phase: Phase, own: tuple[str, ...]) -> None:
        self._phase = phase
        self._own = own
        self._seen: set[int] = set()

    def of(self, error: BaseException) -> Failure:
        self._seen.add(id(error))
        frames = _frames(error.__traceback__, self._own)
        grouped = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        group = tuple(self.of(each) for each in grouped if self._goes_on(each))
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return Failure(
            phase=self._phase,
            type=_type_name(error),
            message=_message(error),
            place=_place(error, frames),
            frames=frames,
            cause=self.of(cause) if cause is not None and self._goes_on(cause) else None,
            errno=(error.errno or 0) if isinstance(error, OSError) and isinstance(error.errno, int) else 0,
            suggestion=_suggestion(error),
            notes=tuple(_notes(error)),
            handling=error.__cause__ is None,
            group=group,
        )

    def _goes_on(self, error: BaseException) -> bool:
        return id(error) not in self._seen and len(self._seen) < MOST_EXCEPTIONS


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        text = str(error.msg) if isinstance(error, SyntaxError) else str(error)
    except BaseException as broken:  # the app's __str__ is the app's code
        return f"<its __str__ raised {type(broken).__name__}>"
    return _bounded(text)


def _bounded(text: str) -> str:
    left_out = len(text) - MOST_TEXT
    return text if left_out <= 0 else f"{text[:MOST_TEXT]} … ({left_out:,} characters more)"


def _notes(error: BaseException) -> Iterator[str]:
    """Yield what `add_note` has added, and the code of a SyntaxError that is in no file."""
    if isinstance(error, SyntaxError) and isinstance(error.text, str) and not _is_file(error.filename):
        yield f"in {error.filename}, line {error.lineno}: {error.text.strip()}"
    notes = getattr(error, "__notes__", None)
    for note in list(notes)[:MOST_NOTES] if isinstance(notes, list | tuple) else ():
        with suppress(Exception):  # a note may be any object of the app
            yield _bounded(str(note))


# where


def _frames(tb: TracebackType | None, own: tuple[str, ...]) -> tuple[Frame, ...]:
    entries = traceback.extract_tb(tb)
    if len(entries) > MOST_FRAMES:
        entries[MOST_FRAMES // 2 : -MOST_FRAMES // 2] = []
    return tuple(
        _frame(entry) for entry in entries if not entry.filename.startswith(("<frozen importlib", *own))
    )


def _frame(entry: traceback.FrameSummary) -> Frame:
    """Return a level of a traceback; it marks a part of the line only if that is not all of it."""
    text = entry.line or ""
    column = end = 0
    if entry.end_lineno == entry.lineno and entry.filename.endswith((".py", ".pyi")):
        line = linecache.getline(entry.filename, entry.lineno or 0)
        indent = len(line) - len(line.lstrip())
        start, stop = (_characters(line, at) - indent for at in (entry.colno, entry.end_colno))
        if 0 <= start < stop <= len(text) and (start, stop) != (0, len(text)):
            column, end = start + 1, stop + 1
    return Frame(entry.filename, entry.lineno or 0, entry.name, text, column, end)


def _characters(line: str, offset: int | None) -> int:
    """Return how many characters `offset` bytes of UTF-8 are; Python counts columns in bytes."""
    return len(line.encode("utf-8", "replace")[: offset or 0].decode("utf-8", "replace"))


def _place(error: BaseException, frames: tuple[Frame, ...]) -> Place | None:
    """Return the line to look at: in a template, in a broken file, else the app's innermost."""
    filename, line = getattr(error, "filename", None), getattr(error, "lineno", None)
    if isinstance(error, Exception) and isinstance(line, int) and _is_file(filename):
        return place_of_syntax_error(error, _source(filename))
    if place := _django_place(error):
        return place
    if not frames:
        return None
    last = next((frame for frame in reversed(frames) if not is_foreign(frame.path)), frames[-1])
    raw = linecache.getline(last.path, last.line)
    indent = len(raw) - len(raw.lstrip()) if last.column else 0
    end = last.end_column and last.end_column + indent
    return place_at(last.path, last.line, _source(last.path), last.column and last.column + indent, end)


def _django_place(error: BaseException) -> Place | None:
    """Return the place and the tag at which a template failed, as Django's DEBUG mode reports it."""
    marked: Any = getattr(error, "template_debug", None)
    if (
        not isinstance(marked, dict)
        or not _is_file(marked.get("name"))
        or not isinstance(marked.get("line"), int)
    ):
        return None
    source = _source(marked["name"])
    code = source.splitlines()[marked["line"] - 1 : marked["line"]]
    tag = str(marked.get("during", ""))
    column = code[0].find(tag) + 1 if code and tag else 0
    return place_at(marked["name"], marked["line"], source, column, column and column + len(tag))


def _source(path: str) -> str:
    return "".join(linecache.getlines(path))


def _is_file(path: object) -> TypeGuard[str]:
    return isinstance(path, str) and os.path.isfile(path)


# did you mean


def _suggestion(error: BaseException) -> str:
    """Return what Python would suggest for a name that does not exist; 3.11 computes it only as it prints."""
    with suppress(Exception):  # __dir__ is the app's code
        match error:
            case AttributeError(name=str(name)) if error.obj is not None:
                return _did_you_mean(name, dir(error.obj))
            case NameError(name=str(name)):
                return _did_you_mean(name, _names(error.__traceback__)) or _forgotten(name)
            case ImportError(name=str(module)):
                found = _NO_NAME.match(str(error))
                return _did_you_mean(found[1], dir(sys.modules[module])) if found else ""
    return ""


def _names(tb: TracebackType | None) -> list[str]:
    """Return the names in scope where the error was raised; attributes begin with `self.`."""
    if tb is None:
        return []
    while tb.tb_next is not None:
        tb = tb.tb_next
    frame = tb.tb_frame
    names = [*frame.f_locals, *frame.f_globals, *dir(builtins)]
    if "self" in frame.f_locals:
        names += [f"self.{name}" for name in dir(frame.f_locals["self"])]
    return names


def _did_you_mean(name: str, names: Iterable[str]) -> str:
    known = [each for each in names if isinstance(each, str) and each != name][:MOST_NAMES]
    if not name.startswith("_"):
        known = [each for each in known if not each.startswith(("_", "self._"))]
    if f"self.{name}" in known:
        return f"Did you mean: 'self.{name}'?"
    from difflib import get_close_matches  # only now: a Worker that never fails starts without it

    alike = get_close_matches(name, known, 1, ALIKE)
    return f"Did you mean: {alike[0]!r}?" if alike else ""


def _forgotten(name: str) -> str:
    return f"Did you forget to import {name!r}?" if name in sys.stdlib_module_names else ""
