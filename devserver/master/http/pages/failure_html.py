"""The failures of the app's code as HTML: the sources with the faults marked, the messages, the tracebacks.

Law: whatever the app wrote is text; nothing of it is ever markup.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from devserver.common.failure import Failure, Frame, Place
from devserver.master.http.pages import failure_text
from devserver.master.http.pages.failure_text import Row
from devserver.master.http.pages.layout import text

Span = tuple[str, str]
"""A class of the style (empty: none) and the text that it is for."""

_CLASSES = {
    "Token.Comment": "c",
    "Token.Keyword": "k",
    "Token.Literal.Number": "n",
    "Token.Literal.String": "s",
    "Token.Name.Builtin": "b",
    "Token.Name.Class": "f",
    "Token.Name.Decorator": "n",
    "Token.Name.Function": "f",
    "Token.Operator.Word": "k",
}


def body(failures: tuple[Failure, ...], root: str) -> str:
    """Return what stands in the page, the failures one below the other."""
    shown = [_section(failure, root) for failure in failures[: failure_text.MOST_FAILURES]]
    left_out = len(failures) - len(shown)
    more = f"<section><p>{left_out:,} more</p></section>" if left_out else ""
    return "".join(shown) + more


def sentence(words: str) -> str:
    """Return the body of a page that says one thing."""
    return f"<section><h1>{text(words)}</h1></section>"


def _section(failure: Failure, root: str) -> str:
    """Return a failure with its causes nested in it, as they came to be."""
    inner = ""
    for link in reversed(failure_text.chain(failure)[1:]):
        inner = f'<section><p class="what">caused by</p>{_told(link, root, "h2")}{inner}</section>'
    what = text(failure_text.headline(failure, root))
    return f'<section class="bad"><p class="what">{what}</p>{_told(failure, root, "h1")}{inner}</section>'


def _told(failure: Failure, root: str, heading: str) -> str:
    """Return what is known of one exception."""
    first, _, rest = failure.message.strip().partition("\n")
    said = f": {text(failure_text.clipped(first))}" if first else ""
    parts = [f'<{heading}><span class="type">{text(failure.type)}</span>{said}</{heading}>']
    if failure.place:
        parts.append(f'<p class="where">{text(failure_text.location(failure.place, root))}</p>')
    if more := failure.message.strip() if len(first) > failure_text.WIDEST else rest:
        parts.append(f'<pre class="message">{text(more)}</pre>')
    if failure.place:
        parts.append(_source(failure.place))
    if failure.frames:
        parts.append(_frames(failure, root))
    if failure.stack:
        parts.append(f'<pre class="stack">{text(failure.stack)}</pre>')
    return "".join(parts)


def _source(place: Place) -> str:
    rows = failure_text.rows(place)
    if not any(row.text.strip() for row in rows):
        return ""
    lines = []
    for row, spans in zip(rows, _painted(rows, place.path), strict=False):
        code = "".join(_marked(spans, row.start, row.end))
        fault = " fault" if row.at_fault else ""
        lines.append(f'<code class="row{fault}" data-number="{row.number}"><span>{code or " "}</span></code>')
    return f'<pre class="source">{"".join(lines)}</pre>'


def _painted(rows: list[Row], path: str) -> list[list[Span]]:
    """Return the rows in spans; they may begin within a string, but the fault rather lies in code."""
    source = "\n".join(row.text for row in rows)
    fault = next((at for at, row in enumerate(rows) if row.at_fault), 0)
    candidates = [paint(source, path)]
    for quotes in ('"""', "'''"):
        if source.count(quotes) % 2:
            candidates.append(paint(f"{quotes}\n{source}", path)[1:])
    return min(candidates, key=lambda lines: sum(len(code) for name, code in lines[fault] if name == "s"))


def _frames(failure: Failure, root: str) -> str:
    items = []
    for frame in failure_text.frames(failure):
        if isinstance(frame, str):
            items.append(f'<li><span class="at">{text(frame)}</span></li>')
            continue
        code = _line(frame)
        where = (
            f"<b>{text(failure_text.relative(frame.path, root))}:{frame.line}</b> in {text(frame.function)}"
        )
        whose = "own" if _is_own(frame.path, root) else "far"
        items.append(f'<li class="{whose}"><span class="at">{where}</span>{code}</li>')
    return f"<details open><summary>Traceback, innermost last</summary><ol>{''.join(items)}</ol></details>"


def _line(frame: Frame) -> str:
    line = failure_text.clipped(frame.text.strip())
    return f"<pre>{''.join(_marked(paint(line, frame.path)[0], 0, 0))}</pre>" if line else ""


def _is_own(path: str, root: str) -> bool:
    """Say whether a file is the author's; packages often lie in the root too."""
    inside = failure_text.relative(path, root)
    return inside != path and not {"site-packages", "dist-packages"} & set(inside.split(os.sep))


@lru_cache(maxsize=256)
def paint(source: str, path: str) -> list[list[Span]]:
    """Return the lines of `source` in spans, coloured as the name of its file suggests."""
    from pygments.lexers import PythonLexer, TextLexer, get_lexer_for_filename  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    options = {"stripnl": False, "ensurenl": False}
    try:
        lexer = PythonLexer(**options) if path.endswith(".py") else get_lexer_for_filename(path, **options)
    except ClassNotFound:
        lexer = TextLexer(**options)
    lines: list[list[Span]] = [[]]
    for kind, part in lexer.get_tokens(source):
        name = _class(str(kind))
        first, *others = part.split("\n")
        lines[-1].append((name, first))
        lines.extend([(name, other)] for other in others)
    return lines


def _class(kind: str) -> str:
    while kind and kind not in _CLASSES:
        kind = kind.rpartition(".")[0]
    return _CLASSES.get(kind, "")


def _marked(spans: list[Span], start: int, end: int) -> Iterator[str]:
    """Give the HTML of a line, marked from character `start` to `end`; a mark may lie past its end."""
    at = 0
    for name, code in spans:
        cuts = sorted({0, len(code), *(cut - at for cut in (start, end) if 0 < cut - at < len(code))})
        for left, right in pairwise(cuts):
            html = text(code[left:right])
            html = f'<span class="{name}">{html}</span>' if name else html
            yield f"<mark>{html}</mark>" if start <= at + left < end else html
        at += len(code)
    if start >= at and end > start:
        yield "<mark> </mark>"
