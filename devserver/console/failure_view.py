"""A failure of the app's code as lines of styled text: the source with its marks, and the steps to it.

No file is read, because it may have changed since: the failure carries its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import zip_longest

from rich.style import Style
from rich.syntax import ANSI_DARK, ANSISyntaxTheme, Syntax
from rich.text import Text

from devserver.common.editor_links import link
from devserver.common.explain import Explanation, SourceLine, Step, Where, explain
from devserver.common.failure import Failure
from devserver.common.failure_lines import MOST_IN_GROUP, TAB, caret, details, is_at
from devserver.reporting import wording

_FAINT = {"bright_cyan": "cyan", "bright_green": "green"}
"""Colours that are hard to read on white → readable ones."""
THEME = ANSISyntaxTheme(
    {
        token: style + Style(color=_FAINT[style.color.name])
        if style.color and style.color.name in _FAINT
        else style
        for token, style in ANSI_DARK.items()
    }
)
"""The terminal's own sixteen colours: readable on dark and on light backgrounds."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Page:
    """The width of the lines, and the template of links to files: see `editor_links`."""

    def __init__(self, width: int, root: str = "", editor: str = "") -> None:
        self.width = width
        self.root = root
        self._editor = editor

    def where(self, where: Where, style: str = "cyan") -> Text:
        """Return a place as text that can be clicked."""
        url = link(self._editor, where.path, where.line, where.column)
        return Text(str(where), style=Style.parse(style) + Style(link=url) if url else style)


def excerpt(explanation: Explanation, context: int, width: int) -> list[Text]:
    """Return the source within `context` lines of the fault, numbered, with the mark under its columns."""
    if not explanation.source or not explanation.where:
        return []
    lines = explanation.source
    shown: list[Text] = []
    digits = len(str(lines[-1].number))
    room = max(1, width - digits - 6)
    fault = next((line for line in lines if line.at_fault), None)
    blanks, carets = _caret(fault) if fault else ("", "")
    start = max(0, len(blanks) - room * 2 // 3) if len(blanks) + 2 > room else 0
    source = "\n".join(line.text for line in lines)
    for line, code in zip_longest(lines, _highlighted(explanation.where.path, source, explanation.opening)):
        if line is None or abs(line.number - explanation.where.line) > context:
            continue
        row = Text(" ❱ " if line.at_fault else "   ", style="bold red" if line.at_fault else "")
        row.append(f"{line.number:{digits}}", style="bold" if line.at_fault else "dim")
        row.append(" │ ", style="red" if line.at_fault else "dim")
        shown.append(fit(row + (code or Text())[start:], width))
        if line.at_fault and carets:
            below = Text(f"   {'':{digits}}").append(" │ ", style="red")
            shown.append(fit(below.append(f"{blanks}{carets}"[start:], style="bold red"), width))
    return shown


def _caret(line: SourceLine) -> tuple[str, str]:
    """Return the blanks and carets for below the line at fault; empty where no part of it is marked."""
    if line.end <= line.start:
        return "", ""
    return caret(line)


@lru_cache(maxsize=32)
def _highlighted(path: str, source: str, opening: str) -> tuple[Text, ...]:
    """Return the lines of an excerpt, coloured as they are in the whole file."""
    lexer = "python" if path.endswith((".py", ".pyi")) else Syntax.guess_lexer(path, source)
    before = f"{opening}\n" if opening else ""
    code = Syntax("", lexer, theme=THEME, tab_size=TAB).highlight(before + source.expandtabs(TAB))
    code.rstrip()
    lines = tuple(line[: len(line)] for line in code.split("\n", allow_blank=True))
    return lines[1:] if opening else lines


def steps(explanation: Explanation, most: int, page: Page) -> list[Text]:
    """Return the steps to the fault, a line each, outermost first; the innermost `most` are kept."""
    way = explanation.steps
    if way and explanation.source and is_at(way[-1], explanation):
        way = way[:-1]  # the source shows the same
    rows: list[Text] = []
    hidden = max(0, len(way) - most)
    if hidden and most:
        rows.append(Text(f"   … {wording.plural(hidden, 'outer step')}", style="dim"))
    for step in way[hidden:]:
        if isinstance(step, str):
            rows.append(fit(Text(f"   {step}", style="dim"), page.width))
            continue
        row = Text("   ").append_text(page.where(step.where, "cyan" if step.own else "dim cyan"))
        row.append(f" in {step.function}", style="dim")
        if step.text:
            row.append("  ").append_text(_marked(step))
        rows.append(fit(row, page.width))
    return rows


def _marked(step: Step) -> Text:
    code = _code(step.text).copy()
    if step.own and step.end > step.start:
        code.stylize("underline", step.start, step.end)
    return code


@lru_cache(maxsize=256)
def _code(line: str) -> Text:
    code = Syntax("", "python", theme=THEME).highlight(line)
    code.rstrip()
    return code


def causes(explanation: Explanation, page: Page) -> list[Text]:
    """Return the causes of this exception, a line each."""
    rows: list[Text] = []
    for cause in explanation.causes:
        row = Text(f"   {cause.relation} ", style="dim").append(cause.reason, style="default not dim red")
        if cause.where:
            row.append("  ").append_text(page.where(cause.where))
        rows.append(fit(row, page.width))
    return rows


def whole(failure: Failure, title: str, page: Page) -> list[Text]:
    """Return a whole failure, for the scrollback: only the ends of long lines are cut."""
    explanation = explain(failure, page.root)
    row = Text(" ✗ ", style="bold red").append(title, style="bold default")
    return [
        row.append(" " if title else "").append(explanation.reason, style="not bold red"),
        *_whole(explanation, page),
    ]


def _whole(explanation: Explanation, page: Page) -> Iterator[Text]:
    yield from steps(explanation, len(explanation.steps), page)
    if explanation.where:
        last = explanation.steps[-1] if explanation.steps else ""
        within = last.function if isinstance(last, Step) and is_at(last, explanation) else ""
        row = Text("   ").append_text(page.where(explanation.where))
        yield row.append(f" in {within}" if within else "", style="dim")
        yield from excerpt(explanation, 2, page.width)
    for line in (*explanation.rest, *details(explanation), *explanation.stack.splitlines()):
        yield Text(f"   {printable(line)}")
    for index, each in enumerate(explanation.group[:MOST_IN_GROUP], 1):
        head = Text(f"   ── {index} of {len(explanation.group)}: ", style="dim")
        yield head.append(each.reason, style="not dim red")
        yield from _whole(each, page)
    if len(explanation.group) > MOST_IN_GROUP:
        yield Text(f"   … {len(explanation.group) - MOST_IN_GROUP:,} exceptions more", style="dim")
    if explanation.cause:
        yield Text(f"   {explanation.cause.relation} ", style="dim").append(
            explanation.cause.reason, style="not dim red"
        )
        yield from _whole(explanation.cause, page)


def printable(text: str) -> str:
    """Return `text` as one line of the same length without control characters."""
    return _CONTROL.sub(lambda match: " " if match[0] in "\t\n\r" else "\ufffd", text)


def fit(row: Text, width: int) -> Text:
    """Return `row` as one printable line of at most `width` cells."""
    if _CONTROL.search(row.plain):
        row.plain = printable(row.plain)
    row.truncate(width, overflow="ellipsis")
    row.no_wrap = True
    return row
