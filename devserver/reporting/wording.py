"""The words and numbers that the plain lines and the picture share; pure, and free of rich."""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from devserver.common.failure import Failure, Frame, Place

TAB = 4
"""Columns between tab stops when source is shown."""

LEAST_FOLDED = 3
"""Frames of installed packages in a row."""
_STANDARD = os.path.join(os.path.dirname(os.__file__), "")

STEPS = ("settle", "check", "fork", "import", "start", "live")
"""The steps of a reload in the order in which they happen."""


def milliseconds(value: float) -> str:
    """Return a duration without its unit, as short as it can be told: `0.4`, `11`, `1,250`."""
    if value >= 1:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.05 else "0"


def duration(value: float) -> str:
    """Return `value` milliseconds with a unit that suits it: `11 ms`, `3.4 s`, `2 min 5 s`."""
    if value < 1_000:
        return f"{milliseconds(value)} ms"
    if value < 60_000:
        return f"{value / 1_000:.1f} s"
    minutes, seconds = divmod(round(value / 1_000), 60)
    return f"{minutes} min {seconds} s"


def size(count: int) -> str:
    """Return `count` bytes in MB, or nothing when it is not known."""
    if count <= 0:
        return ""
    megabytes = count / 1_000_000
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:,.0f} MB"


def clock(at: float) -> str:
    """Return the local time of day of a Unix time."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def plural(count: int, noun: str, nouns: str = "") -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {nouns or noun + 's'}"


def ordered(steps: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the steps of a reload in their order; unknown ones come last."""
    known = [(name, steps[name]) for name in STEPS if name in steps]
    return known + [(name, value) for name, value in steps.items() if name not in STEPS]


def relative(path: str, root: str) -> str:
    """Return `path` as seen from `root`, if it lies in it."""
    if root and path.startswith(root.rstrip(os.sep) + os.sep):
        return path[len(root.rstrip(os.sep)) + 1 :]
    return path


def files(paths: Iterable[str], root: str = "", most: int = 3) -> str:
    """Return `paths` as one phrase: at most `most` names, and how many more there are."""
    names = [relative(path, root) for path in paths]
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def reason(failure: Failure) -> str:
    """Return the exception as Python words it, on one line: `ValueError: no such room`."""
    first, _, rest = failure.message.strip().partition("\n")
    message = f"{first} …" if rest else first
    return f"{failure.type}: {message}" if message else failure.type


def folded(frames: Sequence[Frame]) -> list[Frame | str]:
    """Return the frames with what lies in installed packages told in a few words, but for the innermost.

    A framework's middleware says nothing about the app's fault, and there is a lot of it.
    """
    found: list[Frame | str] = []
    for foreign, group in groupby(frames[:-1], key=lambda frame: bool(_package(frame.path))):
        run = list(group)
        if not foreign or len(run) < LEAST_FOLDED:
            found += run
            continue
        names = list(dict.fromkeys(_package(frame.path) for frame in run))
        shown = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
        found.append(f"… {plural(len(run), 'frame')} in {shown}")
    return [*found, *frames[-1:]]


def _package(path: str) -> str:
    """Return the installed package, or the standard library's module, that a file is of; else nothing."""
    for mark in ("site-packages", "dist-packages"):
        _, installed, rest = path.partition(f"{os.sep}{mark}{os.sep}")
        if installed:
            return rest.partition(os.sep)[0].removesuffix(".py")
    if path.startswith(_STANDARD):
        return path.removeprefix(_STANDARD).partition(os.sep)[0].removesuffix(".py")
    return ""


def location(place: Place, root: str = "") -> str:
    where = f"{relative(place.path, root)}:{place.line}"
    return f"{where}:{place.column}" if place.column else where


def caret(source: str, column: int, end_column: int) -> tuple[str, str]:
    """Return what stands under the line `source`: the blanks, and the carets below the columns at fault.

    Columns count characters from 1, `end_column` is exclusive; tabs are taken as `TAB` wide.
    """
    start = _cells(source[: max(0, column - 1)])
    end = _cells(source[: end_column - 1]) if end_column > column else start + 1
    return " " * start, "^" * max(1, end - start)


def _cells(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    expanded = text.expandtabs(TAB)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in expanded)
    combining = sum(unicodedata.combining(letter) != 0 for letter in expanded)
    return len(expanded) + wide - combining
