"""The failures of the app's code as HTML: the sources with the faults marked, the messages, the tracebacks.

Law: all text of the app is escaped; nothing of it becomes markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from devserver.common.editor_links import link
from devserver.common.explain import Explanation, Step, Where, explain
from devserver.common.failure import Failure
from devserver.common.failure_lines import MOST_IN_GROUP, details, shown_steps
from devserver.master.http.pages import failure_text
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


def body(failures: tuple[Failure, ...], root: str, editor: str = "") -> str:
    """Return the page's content, the failures one below the other; places are links to the editor."""
    shown = [_section(failure, root, editor) for failure in failures[: failure_text.MOST_FAILURES]]
    left_out = len(failures) - len(shown)
    more = f"<section><p>{left_out:,} more</p></section>" if left_out else ""
    return "".join(shown) + more


def sentence(words: str) -> str:
    """Return the body of a page of one sentence."""
    return f"<section><h1>{text(words)}</h1></section>"


def _section(failure: Failure, root: str, editor: str) -> str:
    what = text(failure_text.headline(failure, root))
    explanation = _exception(explain(failure, root), editor, "h1")
    return f'<section class="bad"><p class="what">{what}</p>{explanation}</section>'


def _exception(explanation: Explanation, editor: str, heading: str) -> str:
    """Return the HTML of one exception; those of its group, and its cause, are nested in it."""
    message = f": {text(explanation.message)}" if explanation.message else ""
    hint = f' <span class="hint">{text(explanation.suggestion)}</span>' if explanation.suggestion else ""
    parts = [f'<{heading}><span class="type">{text(explanation.type)}</span>{message}{hint}</{heading}>']
    if explanation.where:
        parts.append(f'<p class="where">{_where(explanation.where, editor)}</p>')
    if explanation.rest:
        parts.append(f'<pre class="message">{text(chr(10).join(explanation.rest))}</pre>')
    parts += [f'<p class="note">{text(line)}</p>' for line in details(explanation)]
    parts.append(_source(explanation))
    if steps := shown_steps(explanation):
        parts.append(_steps(steps, editor))
    if explanation.stack:
        parts.append(f'<pre class="stack">{text(explanation.stack)}</pre>')
    for number, each in enumerate(explanation.group[:MOST_IN_GROUP], 1):
        parts.append(_nested(f"{number} of {len(explanation.group)}", each, editor))
    if len(explanation.group) > MOST_IN_GROUP:
        parts.append(f'<p class="what">{len(explanation.group) - MOST_IN_GROUP:,} exceptions more</p>')
    if explanation.cause:
        parts.append(_nested(explanation.cause.relation, explanation.cause, editor))
    return "".join(parts)


def _nested(what: str, explanation: Explanation, editor: str) -> str:
    return f'<section><p class="what">{text(what)}</p>{_exception(explanation, editor, "h2")}</section>'


def _where(where: Where, editor: str) -> str:
    url = link(editor, where.path, where.line, where.column)
    return f'<a href="{text(url)}">{text(str(where))}</a>' if url else text(str(where))


def _source(explanation: Explanation) -> str:
    rows = explanation.source
    if explanation.where is None or not any(row.text.strip() for row in rows):
        return ""
    before = [explanation.opening] if explanation.opening else []
    painted = paint("\n".join([*before, *(row.text for row in rows)]), explanation.where.path)[len(before) :]
    lines = []
    for row, spans in zip(rows, painted, strict=False):
        code = "".join(_marked(spans, row.start, row.end))
        fault = " fault" if row.at_fault else ""
        heard = f'<span class="heard">line {row.number}, at fault: </span>' if row.at_fault else ""
        lines.append(
            f'<code class="row{fault}" data-number="{row.number}">{heard}<span>{code or " "}</span></code>'
        )
    name = f"source of {explanation.where.name}"
    return f'<pre class="source" tabindex="0" role="group" aria-label="{text(name)}">{"".join(lines)}</pre>'


def _steps(steps: tuple[Step | str, ...], editor: str) -> str:
    items = []
    for step in steps:
        if isinstance(step, str):
            items.append(f'<li><span class="at">{text(step)}</span></li>')
            continue
        where = f"<b>{_where(step.where, editor)}</b> in {text(step.function)}"
        code = f"<pre>{_line(step)}</pre>" if step.text else ""
        items.append(f'<li class="{"own" if step.own else "far"}"><span class="at">{where}</span>{code}</li>')
    return f"<details open><summary>Traceback, innermost last</summary><ol>{''.join(items)}</ol></details>"


def _line(step: Step) -> str:
    start, end = (step.start, step.end) if step.own else (0, 0)
    return "".join(_marked(paint(step.text, step.where.path)[0], start, end))


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
    """Yield the HTML of a line, marked from character `start` to `end`; a mark may be past its end."""
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
