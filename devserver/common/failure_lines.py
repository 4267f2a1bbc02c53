"""A failure's explanation as plain lines: for logs, for curl, for a command's output.

Law: as `explain`; the lines have no colours, and no control character of the app's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from devserver.common.explain import Explanation, SourceLine, Step

TAB = 4
"""Columns between tab stops when source is shown."""
INDENT = "  "
MOST_IN_GROUP = 8
"""Exceptions of a group that are shown in full."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def lines(explanation: Explanation) -> Iterator[str]:
    """Yield the lines that follow the reason of a failure."""
    yield from source(explanation)
    for step in shown_steps(explanation):
        if isinstance(step, str):
            yield step
            continue
        yield f"{step.where} in {step.function}"
        if step.text:
            yield f"{INDENT}{printable(step.text)}"
    for text in (*explanation.rest, *details(explanation), *explanation.stack.splitlines()):
        yield printable(text)
    for number, each in enumerate(explanation.group[:MOST_IN_GROUP], 1):
        yield f"{number} of {len(explanation.group)}: {printable(each.reason)}"
        yield from _indented(lines(each))
    if len(explanation.group) > MOST_IN_GROUP:
        yield f"… {len(explanation.group) - MOST_IN_GROUP:,} exceptions more"
    if explanation.cause is not None:
        yield f"{explanation.cause.relation} {printable(explanation.cause.reason)}"
        yield from _indented(lines(explanation.cause))


def shown_steps(explanation: Explanation) -> tuple[Step | str, ...]:
    """Return the steps that add to the source; none if its own line is the only one."""
    if explanation.is_syntax:
        return ()
    alone = len(explanation.steps) == 1 and explanation.source and is_at(explanation.steps[0], explanation)
    return () if alone else explanation.steps


def is_at(step: Step | str, explanation: Explanation) -> bool:
    """Return whether a step is the line whose source is shown."""
    if explanation.where is None or isinstance(step, str):
        return False
    return (step.where.path, step.where.line) == (explanation.where.path, explanation.where.line)


def details(explanation: Explanation) -> list[str]:
    """Return the notes, and the library that raised it."""
    raised = [f"raised in {explanation.raised_in}"] if explanation.raised_in else []
    return [*(line for note in explanation.notes for line in note.splitlines()), *raised]


def source(explanation: Explanation) -> Iterator[str]:
    """Yield the place, and the lines around it with the part at fault marked."""
    if explanation.where is None:
        return
    yield str(explanation.where)
    digits = len(str(explanation.source[-1].number)) if explanation.source else 0
    for line in explanation.source:
        mark = ">" if line.at_fault else " "
        yield f"{mark} {line.number:{digits}} | {printable(line.text).expandtabs(TAB)}".rstrip()
        if line.at_fault and line.end > line.start:
            yield f"  {'':{digits}} | {''.join(caret(line))}"


def caret(line: SourceLine) -> tuple[str, str]:
    """Return the blanks and the marks for below the line at fault; tabs are `TAB` wide."""
    start = cells(line.text[: line.start])
    end = cells(line.text[: line.end])
    return " " * start, "^" * max(1, end - start)


def cells(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    expanded = text.expandtabs(TAB)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in expanded)
    combining = sum(unicodedata.combining(letter) != 0 for letter in expanded)
    return len(expanded) + wide - combining


def printable(text: str) -> str:
    """Return `text` without characters that control a terminal or cannot be encoded."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))


def _indented(found: Iterator[str]) -> Iterator[str]:
    return (f"{INDENT}{line}".rstrip() for line in found)
