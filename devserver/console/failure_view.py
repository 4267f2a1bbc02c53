"""A failure of the app's code as lines of styled text: the source with its caret, and the frames.

Drawn from the failure's own data: no file is read, because it may have changed since.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.syntax import Syntax
from rich.text import Text

from devserver.common.failure import Failure, Place
from devserver.reporting import wording

THEME = "ansi_dark"
"""The terminal's own sixteen colours: legible on a dark and on a light ground."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def excerpt(place: Place, context: int, width: int) -> list[Text]:
    """Return the source within `context` lines of the fault, numbered, with the caret under its column."""
    shown: list[Text] = []
    digits = len(str(place.first + place.excerpt.count("\n")))
    room = max(1, width - digits - 6)
    fault = place.excerpt.split("\n")[place.line - place.first :][:1]
    blanks, carets = wording.caret(fault[0] if fault else "", place.column, place.end_column)
    start = max(0, len(blanks) - room * 2 // 3) if len(blanks) + 2 > room else 0
    for number, code in enumerate(_highlighted(place.path, place.excerpt), place.first):
        if abs(number - place.line) > context:
            continue
        at_fault = number == place.line
        row = Text(" ❱ " if at_fault else "   ", style="bold red" if at_fault else "")
        row.append(f"{number:{digits}}", style="bold" if at_fault else "dim")
        row.append(" │ ", style="red" if at_fault else "dim")
        shown.append(fit(row + code[start:], width))
        if at_fault and place.column:
            below = Text(f"   {'':{digits}}").append(" │ ", style="red")
            shown.append(fit(below.append(f"{blanks}{carets}"[start:], style="bold red"), width))
    return shown


@lru_cache(maxsize=32)
def _highlighted(path: str, source: str) -> tuple[Text, ...]:
    lexer = "python" if path.endswith((".py", ".pyi")) else Syntax.guess_lexer(path, source)
    code = Syntax(source, lexer, theme=THEME, tab_size=wording.TAB).highlight(source.expandtabs(wording.TAB))
    code.rstrip()
    return tuple(line[: len(line)] for line in code.split("\n", allow_blank=True))


def frames(failure: Failure, most: int, root: str, width: int) -> list[Text]:
    """Return the way to the fault, a line each, outermost first; the innermost `most` are kept."""
    rows: list[Text] = []
    folded = wording.folded(failure.frames)
    hidden = max(0, len(folded) - most)
    if hidden and most:
        rows.append(Text(f"   … {wording.plural(hidden, 'outer frame')}", style="dim"))
    for frame in folded[hidden:]:
        if isinstance(frame, str):
            rows.append(fit(Text(f"   {frame}", style="dim"), width))
            continue
        row = Text("   ").append(f"{wording.relative(frame.path, root)}:{frame.line}", style="cyan")
        row.append(f" in {frame.function}", style="dim")
        if frame.text:
            row.append("  ").append_text(_code(frame.text.strip()))
        rows.append(fit(row, width))
    return rows


@lru_cache(maxsize=256)
def _code(line: str) -> Text:
    code = Syntax(line, "python", theme=THEME).highlight(line)
    code.rstrip()
    return code


def causes(failure: Failure, root: str, width: int) -> list[Text]:
    """Return the exceptions that this one came from, a line each."""
    rows: list[Text] = []
    cause = failure.cause
    while cause is not None:
        row = Text("   caused by ", style="dim").append(wording.reason(cause), style="default not dim red")
        if cause.place:
            row.append(f"  {wording.location(cause.place, root)}", style="cyan")
        rows.append(fit(row, width))
        cause = cause.cause
    return rows


def traceback(failure: Failure, title: str, root: str, width: int) -> list[Text]:
    """Return the whole failure for the scrolling part: nothing is cut but the ends of long lines."""
    rows = [Text.assemble((" ✗ ", "bold red"), (title, "bold"), " ", (wording.reason(failure), "red"))]
    rows += causes(failure, root, width)
    rows += frames(failure, 20, root, width)
    if failure.place:
        rows.append(Text("   ").append(wording.location(failure.place, root), style="cyan"))
        rows += excerpt(failure.place, 2, width)
    message = failure.message.strip().partition("\n")[2]
    rows += [Text(f"   {line}") for text in (message, failure.stack) for line in text.splitlines()]
    return rows


def printable(text: str) -> str:
    """Return `text` as one line in which no control character can bend the screen; its length is kept."""
    return _CONTROL.sub(lambda match: " " if match[0] in "\t\n\r" else "\ufffd", text)


def fit(row: Text, width: int) -> Text:
    """Return `row` as one printable line that fits."""
    if _CONTROL.search(row.plain):
        row.plain = printable(row.plain)
    row.truncate(width, overflow="ellipsis")
    row.no_wrap = True
    return row
