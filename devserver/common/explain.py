"""A failure of the app's code as its author sees it: one model for every rendering.

Law: pure and bounded, whatever the app raised. No file is read: it may have changed since.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

from msgspec import Struct

from devserver.common.failure import Failure, Frame, Place
from devserver.common.foreign import is_foreign, package

Relation = Literal["", "caused by", "raised while handling"]

LEAST_FOLDED = 3
"""Frames of installed packages in a row."""
LONGEST_CYCLE = 4
"""Frames that call each other in a circle."""
LEAST_ROUNDS = 3
"""Rounds of it that are folded."""
MOST_STEPS = 40
"""Steps of one traceback: the outermost few, and the innermost."""
OUTERMOST = 8
WIDEST = 300
"""Characters of a source line that are shown."""


class SourceLine(Struct, frozen=True):
    """A line of source; characters `start` to `end` of the line at fault are marked, if any."""

    number: int
    text: str
    at_fault: bool = False
    start: int = 0
    end: int = 0


class Where(Struct, frozen=True):
    """A line of a file: `name` is the file as seen from the project; `column` counts from 1, 0: unknown."""

    path: str
    name: str
    line: int
    column: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}" if self.column else f"{self.name}:{self.line}"


class Step(Struct, frozen=True):
    """One level of a traceback. `start` to `end` of `text` are marked, if any; `own`: the author's code."""

    where: Where
    function: str
    text: str
    own: bool
    start: int = 0
    end: int = 0


class Explanation(Struct, frozen=True):
    """One exception. `steps` are outermost first, a sentence where some were folded."""

    type: str
    message: str
    """Its first line."""
    rest: tuple[str, ...]
    """Its further lines."""
    suggestion: str
    notes: tuple[str, ...]
    relation: Relation
    """To the exception that is explained before it."""
    where: Where | None
    opening: str
    """The quotes of the string in which the excerpt begins."""
    source: tuple[SourceLine, ...]
    steps: tuple[Step | str, ...]
    raised_in: str
    """Where a library raised it, if the author's own code did not."""
    group: tuple[Explanation, ...]
    cause: Explanation | None
    stack: str
    is_syntax: bool

    @property
    def reason(self) -> str:
        """Return the exception as Python words it, on one line, with its suggestion."""
        message = f"{self.message} …" if self.rest else self.message
        text = f"{self.type}: {message}" if message else self.type
        end = "" if text.endswith(("…", ".", "?", "!")) else "."
        return f"{text}{end} {self.suggestion}" if self.suggestion else text

    @property
    def causes(self) -> tuple[Explanation, ...]:
        """Return the exceptions that led to it, the nearest one first."""
        return () if self.cause is None else (self.cause, *self.cause.causes)

    @property
    def root(self) -> Explanation:
        """Return the exception to look at first: of a group, the first one in it."""
        return self.group[0].root if self.group else self


def explain(failure: Failure, root: str = "", relation: Relation = "") -> Explanation:
    """Return what `failure` means, with paths as seen from the folder `root`."""
    first, _, rest = failure.message.strip().partition("\n")
    place = failure.place
    last = failure.frames[-1] if failure.frames else None
    elsewhere = last is not None and place is not None and (last.path, last.line) != (place.path, place.line)
    handled: Relation = "raised while handling" if failure.handling else "caused by"
    return Explanation(
        type=failure.type,
        message=clipped(first),
        rest=tuple(failure.message.strip().splitlines() if len(first) > WIDEST else rest.splitlines()),
        suggestion=failure.suggestion,
        notes=failure.notes,
        relation=relation,
        where=Where(place.path, relative(place.path, root), place.line, place.column) if place else None,
        opening=place.opening if place else "",
        source=tuple(_source(place)) if place else (),
        steps=tuple(_bounded(_folded(failure.frames, root))),
        raised_in=_raised_in(last) if last and elsewhere and is_foreign(last.path) else "",
        group=tuple(explain(each, root) for each in failure.group),
        cause=explain(failure.cause, root, handled) if failure.cause else None,
        stack=failure.stack.strip(),
        is_syntax=failure.phase == "check" or failure.type in ("SyntaxError", "IndentationError", "TabError"),
    )


def relative(path: str, root: str) -> str:
    """Return `path` as seen from `root`, if it lies in it."""
    inside = root.rstrip(os.sep) + os.sep
    return path[len(inside) :] if root and path.startswith(inside) else path


def clipped(line: str) -> str:
    return line if len(line) <= WIDEST else f"{line[:WIDEST]} …"


def _raised_in(frame: Frame) -> str:
    name = package(frame.path)
    inside = frame.path.rpartition(f"{os.sep}{name}{os.sep}")[2] if name else frame.path
    file = f"{name}/{inside}" if name and inside != frame.path else os.path.basename(frame.path)
    return f"{file}:{frame.line} in {frame.function}"


def _source(place: Place) -> Iterator[SourceLine]:
    """Yield the excerpt; long lines are cut so that the fault is seen."""
    for number, line in enumerate(place.excerpt.split("\n") if place.excerpt else (), place.first):
        if number != place.line:
            yield SourceLine(number, clipped(line))
            continue
        start = max(0, place.column - 1)
        end = place.end_column - 1 if place.end_column > place.column else start + 1
        cut = max(0, start - WIDEST // 2) if len(line) > WIDEST else 0
        text = ("…" if cut else "") + clipped(line[cut:])
        start, end = (at - cut + bool(cut) for at in (start, min(end, cut + WIDEST)))
        yield SourceLine(number, text, True, start, end if place.column else start)


def _folded(frames: Sequence[Frame], root: str) -> Iterator[Step | str]:
    """Yield the steps; rounds of a recursion and runs of library code are folded into one line.

    A framework's middleware adds many steps that do not explain the app's fault.
    """
    for rounds, cycle in _cycles(frames):
        if rounds < LEAST_ROUNDS:
            yield from _without_libraries([*cycle] * rounds, root, last=frames[-1])
            continue
        yield from (_step(frame, root) for frame in cycle)
        what = "the step above" if len(cycle) == 1 else f"the {len(cycle)} steps above"
        yield f"… {what}, {rounds - 1:,} times more"


def _cycles(frames: Sequence[Frame]) -> Iterator[tuple[int, Sequence[Frame]]]:
    """Yield the frames in stretches, each with the rounds of it that follow each other."""
    places = [(frame.path, frame.line, frame.function) for frame in frames]
    at, plain = 0, 0
    while at < len(places):
        size, rounds = _longest(places, at)
        if rounds < LEAST_ROUNDS:
            at += 1
            continue
        if plain < at:
            yield 1, frames[plain:at]
        yield rounds, frames[at : at + size]
        at = plain = at + size * rounds
    if plain < at:
        yield 1, frames[plain:at]


def _longest(places: list[tuple[str, int, str]], at: int) -> tuple[int, int]:
    """Return the size of the cycle that begins at `at`, and its rounds."""
    best = (1, 1)
    for size in range(1, LONGEST_CYCLE + 1):
        rounds = 1
        while places[at : at + size] == places[at + rounds * size : at + (rounds + 1) * size]:
            rounds += 1
        if rounds >= LEAST_ROUNDS and size * rounds > best[0] * best[1]:
            best = (size, rounds)
    return best


def _without_libraries(frames: list[Frame], root: str, *, last: Frame) -> Iterator[Step | str]:
    shown = frames[:-1] if frames[-1] is last else frames
    for foreign, group in groupby(shown, key=lambda frame: bool(package(frame.path))):
        run = list(group)
        if not foreign or len(run) < LEAST_FOLDED:
            yield from (_step(frame, root) for frame in run)
            continue
        names = list(dict.fromkeys(package(frame.path) for frame in run))
        packages = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
        yield f"… {len(run)} steps in {packages}"
    yield from (_step(frame, root) for frame in frames[len(shown) :])


def _step(frame: Frame, root: str) -> Step:
    where = Where(frame.path, relative(frame.path, root), frame.line)
    start, end = max(0, frame.column - 1), max(0, frame.end_column - 1)
    text = clipped(frame.text)
    return Step(where, frame.function, text, not is_foreign(frame.path), min(start, WIDEST), min(end, WIDEST))


def _bounded(steps: Iterator[Step | str]) -> list[Step | str]:
    shown = list(steps)
    hidden = len(shown) - MOST_STEPS
    if hidden > 0:
        shown[OUTERMOST : OUTERMOST + hidden] = [f"… {hidden:,} steps more"]
    return shown
