"""A failure of the app's code as plain text, and the parts that its HTML page is made of.

Law: what is shown is bounded, whatever the app raised; no file is read, because it may have changed since.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from devserver.common.failure import Failure, Frame, Place

MOST_FAILURES = 8
"""Failures that are shown in full."""
MOST_FRAMES = 40
"""Frames of one traceback that are shown: the outermost few, and the innermost."""
OUTERMOST = 8
SAME = 3
"""How often a frame that calls itself is shown, as Python does it."""
WIDEST = 300
"""Characters of a source line that are shown."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of source; characters `start` to `end` of the line at fault are marked, if any."""

    number: int
    text: str
    at_fault: bool = False
    start: int = 0
    end: int = 0


def printable(text: str) -> str:
    """Return `text` without what would bend a terminal or cannot be encoded."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))


def relative(path: str, root: str) -> str:
    """Return `path` as seen from `root`, if it lies in it."""
    inside = root.rstrip(os.sep) + os.sep
    return path[len(inside) :] if root and path.startswith(inside) else path


def location(place: Place, root: str) -> str:
    where = f"{relative(place.path, root)}:{place.line}"
    return f"{where}:{place.column}" if place.column else where


def headline(failure: Failure, root: str) -> str:
    """Say what did not work, in a few words."""
    file = relative(failure.place.path, root) if failure.place else "the app"
    match failure.phase:
        case "check":
            return f"{file} does not compile"
        case "import":
            return "the app could not be imported"
        case "start-up":
            return "the app's start-up failed"
        case _:
            return "the app failed"


def reason(failure: Failure) -> str:
    """Return the exception as Python words it, on one line."""
    first = clipped(failure.message.strip().partition("\n")[0])
    return f"{failure.type}: {first}" if first else failure.type


def clipped(line: str) -> str:
    return line if len(line) <= WIDEST else f"{line[:WIDEST]} …"


def chain(failure: Failure) -> list[Failure]:
    """Return the failure and what it came from, the last exception first."""
    found = [failure]
    while (cause := found[-1].cause) is not None:
        found.append(cause)
    return found


def frames(failure: Failure) -> list[Frame | str]:
    """Return the frames that are shown, outermost first; a sentence stands where some were left out."""
    shown: list[Frame | str] = []
    for frame, same in groupby(failure.frames):
        count = len(list(same))
        shown += [frame] * min(count, SAME)
        if count > SAME:
            shown.append(f"… the frame above, {count - SAME:,} times more")
    hidden = len(shown) - MOST_FRAMES
    if hidden > 0:
        shown[OUTERMOST : OUTERMOST + hidden] = [f"… {hidden:,} frames more"]
    return shown


def rows(place: Place) -> list[Row]:
    """Return the source around the fault; long lines are cut so that the fault is seen."""
    found = []
    for number, line in enumerate(place.excerpt.split("\n") if place.excerpt else (), place.first):
        if number != place.line:
            found.append(Row(number, clipped(line)))
            continue
        start = max(0, place.column - 1)
        end = place.end_column - 1 if place.end_column > place.column else start + 1
        cut = max(0, start - WIDEST // 2) if len(line) > WIDEST else 0
        text = ("…" if cut else "") + clipped(line[cut:])
        start, end = (at - cut + bool(cut) for at in (start, min(end, cut + WIDEST)))
        found.append(Row(number, text, True, start, end if place.column else start))
    return found


def report(failures: tuple[Failure, ...], root: str) -> str:
    """Return the failures as text for a terminal: the sources with their carets, and the tracebacks."""
    lines: list[str] = []
    for failure in failures[:MOST_FAILURES]:
        lines += ["", f"✗ {headline(failure, root)}"]
        if failure.place:
            lines += [f"  {location(failure.place, root)}", "", *_drawn(failure.place)]
        lines += ["", trace(failure, root)]
        lines += ["", failure.stack] if failure.stack else []
    if len(failures) > MOST_FAILURES:
        lines += ["", f"✗ {len(failures) - MOST_FAILURES:,} more"]
    return printable("\n".join(lines[1:]))


def trace(failure: Failure, root: str) -> str:
    """Return the traceback in Python's layout, the first exception of the chain first."""
    parts = ["\n".join(_traced(link, root)) for link in reversed(chain(failure))]
    return "\n\nThe exception above led to this one:\n\n".join(parts)


def _traced(failure: Failure, root: str) -> Iterator[str]:
    if failure.frames:
        yield "Traceback (most recent call last):"
    for frame in frames(failure):
        if isinstance(frame, str):
            yield f"  {frame}"
            continue
        yield f'  File "{relative(frame.path, root)}", line {frame.line}, in {frame.function}'
        if frame.text:
            yield f"    {clipped(frame.text.strip())}"
    yield f"{failure.type}: {failure.message}" if failure.message else failure.type


def _drawn(place: Place) -> Iterator[str]:
    shown = rows(place)
    digits = len(str(place.first + len(shown)))
    for row in shown:
        yield f"{'❱' if row.at_fault else ' '} {row.number:{digits}} │ {row.text}".rstrip()
        if row.end > row.start:
            carets = "^" * max(1, _cells(row.text[row.start : row.end]))
            yield f"  {'':{digits}} │ {_blanks(row.text[: row.start])}{carets}"


def _cells(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) != 0 for letter in text)


def _blanks(text: str) -> str:
    """Return what is as wide as `text` in a terminal; tabs stay, for their width is the terminal's affair."""
    return "\t".join(" " * _cells(part) for part in text.split("\t"))
