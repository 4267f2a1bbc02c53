"""The dashboard: `dashboard` is a pure function of what the console knows, the terminal's size and the time.

Law: the headline comes first, at the left. Each row fits into one line. The rows take at most half of the
terminal, more only with a panel that a key has opened. Where room is short, `LADDER` drops the least
important first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text

from devserver.common.explain import explain
from devserver.common.failure_lines import details
from devserver.console import failure_view, requests
from devserver.console.addresses import links
from devserver.console.detail import LADDER, Detail
from devserver.console.facts import facts
from devserver.console.failure_view import Page, fit
from devserver.console.headline import Headline, Mood, headline, laid_out
from devserver.console.keys import HELP
from devserver.console.model import Error, Model, Prompt
from devserver.console.process_table import summary, tree
from devserver.console.timeline import timeline_row
from devserver.reporting import wording

Panel = Literal["", "help", "processes", "urls"]
"""The part that a key has opened."""

STYLES: dict[Mood, str] = {
    "good": "green",
    "warning": "yellow",
    "bad": "red",
    "waiting": "yellow",
    "over": "dim",
}


def dashboard(view: Model, width: int, height: int, now: float, panel: Panel = "") -> RenderableType:
    """Return the dashboard for a terminal of that size: at most `rows(height, panel)` lines that fit."""
    limit = rows(height, panel)
    lines: list[Text] = []
    for detail in LADDER:
        lines = _lines(view, width, now, panel, detail)
        if len(lines) <= limit:
            break
    return Group(*lines[:limit])


def rows(height: int, panel: Panel = "") -> int:
    """Return how many lines the dashboard may take; the app's output gets the rest."""
    return max(1, height - max(2, height // 4) if panel else height // 2)


def closing_lines(view: Model, width: int) -> RenderableType:
    """Return the lines that stay on the screen when the console exits."""
    if view.exit_code is None:
        text = Text("devserver ended without a report: it was killed, or it crashed", style="red")
    else:
        text = Text("devserver stopped", style="bold")
        if view.exit_code:
            text.append(f" with exit code {view.exit_code}", style="red")
    if not view.error:
        return text
    seen = replace(view, exit_code=None, stopping="", pending={})
    head = _headline(headline(facts(seen), 0), width, 2)
    return Group(*head, *_error(view.error, Page(width, view.root, view.editor), LADDER[5]), text)


def _lines(view: Model, width: int, now: float, panel: Panel, detail: Detail) -> list[Text]:
    sections = [_headline(headline(facts(view), now), width, detail.head)]
    if detail.traffic and (counted := _traffic(view, width, now)):
        sections[0].append(counted)
    if view.prompts:
        sections.append([_prompt(prompt, view, width) for prompt in view.prompts.values()][:2])
    if view.error and not view.pending and (detail.error or panel in ("", "urls")):
        sections.append(_error(view.error, Page(width, view.root, view.editor), detail))
    if panel == "help":
        sections.append(_help(width))
    if panel == "processes" and detail.workers:
        sections.append(tree(view, width, detail.workers, head=True))
        if view.timeline:
            sections.append([timeline_row(view.timeline, view.root, width)])
    foot = [*_links(view, width, detail.links if panel != "urls" else 1_000)]
    foot += [_hints(view, width)] if detail.hints or panel in ("processes", "urls") else []
    sections.append(foot)
    lines: list[Text] = []
    for section in sections:
        if lines and section and detail.gaps:
            lines.append(Text())
        lines += section
    return lines


def _headline(line: Headline, width: int, most: int) -> list[Text]:
    style = STYLES[line.mood]
    looks = {"state": f"bold {style}", "where": "bold", "what": style if line.mood == "bad" else ""}
    looks |= {"when": "dim", "consequence": "", "": "dim"}
    found = []
    for spans in laid_out(line, max(1, width - 1), most):
        row = Text(" ")
        for name, text in spans:
            row.append(text, style=looks[name])
        found.append(fit(row, width))
    return found


def _traffic(view: Model, width: int, now: float) -> Text | None:
    """Return the counters in one row; a narrow terminal shows the most important only."""
    parts = requests.summary(view.traffic, now)
    if view.traffic.failed:
        parts.insert(1, f"{view.traffic.failed:,} failed")
    if view.connections and (view.waiting or not parts):
        parts.append(wording.plural(view.connections, "connection"))
    if view.waiting:
        parts.insert(0, f"{view.waiting:,} waiting")
    while len(parts) > 1 and cell_len("   " + " · ".join(parts)) > width:
        parts.pop()
    return fit(Text(f"   {' · '.join(parts)}", style="dim"), width) if parts else None


def _links(view: Model, width: int, most: int) -> list[Text]:
    """Return the app's addresses: in one row if they fit, else one per row."""
    if not most:
        return []
    found = links(view.listeners, view.docs, view.network)
    if not found:
        return [fit(Text(" nothing listens yet", style="dim"), width)]
    shown = [Text(each.label, style=Style(bold=True, link=each.url or None)) for each in found]
    row = Text(" ")
    for number, each in enumerate(shown):
        row.append(" · " if number else "", style="dim").append_text(each)
    if cell_len(row.plain) <= width:
        return [row]
    rows = [fit(Text(" ") + each, width) for each in shown[:most]]
    if len(shown) > most > 1:
        rows.append(fit(Text(f" u shows {len(shown) - most} more", style="dim"), width))
    return rows


def _prompt(prompt: Prompt, view: Model, width: int) -> Text:
    """Return the row of a Worker at a prompt: where, since when, and the key that leads back there."""
    stands = "reads its terminal" if prompt.how == "question" else "is in the debugger"
    head = Text(f" ⏸ w{prompt.worker} {stands}", style="bold yellow")
    place = f" at {wording.relative(prompt.path, view.root)}:{prompt.line}" if prompt.path else ""
    parts = {
        "place": Text(place, style="not bold cyan"),
        "what": Text(f" · {prompt.what}" if prompt.what else "", style="not bold default"),
        "since": Text(f" · since {wording.clock(prompt.since)}", style="not bold dim"),
        "server": Text(" · the server goes on", style="not bold dim"),
    }
    key = Text(" · d ", style="bold").append("goes there", style="dim")
    end = Text() if prompt.how == "elsewhere" else key
    for less_important in ("", "server", "since", "what", "place"):
        parts.pop(less_important, None)
        row = Text.assemble(head, *parts.values(), end)
        if cell_len(row.plain) <= width:
            break
    return fit(row, width)


def _help(width: int) -> list[Text]:
    return [
        fit(Text(f"   {key}  ", style="bold").append(what, style="not bold"), width)
        for key, what in HELP.items()
    ]


def _error(error: Error, page: Page, detail: Detail) -> list[Text]:
    """Return the first fault's source and the steps to it; the headline has its message, if it fits."""
    if not error.failures:
        return []
    explanation = explain(error.failures[0], page.root)
    shown = explanation.root
    lines: list[Text] = []
    if shown is not explanation:
        lines.append(fit(Text(f"   {explanation.reason}", style="red"), page.width))
    lines += failure_view.causes(shown, page)[: detail.steps]
    lines += failure_view.steps(shown, detail.steps, page) if detail.steps else []
    lines += failure_view.excerpt(shown, detail.context, page.width)
    words = [*shown.rest, *details(shown), *shown.stack.splitlines()[-detail.words :]]
    lines += [fit(Text(f"   {line}", style="dim"), page.width) for line in words[: detail.words]]
    for other in error.failures[1 : 1 + detail.others]:
        each = explain(other, page.root).root
        row = Text(" ✗ ", style="bold red")
        row.append_text(page.where(each.where, "not bold cyan") if each.where else Text())
        lines.append(fit(row.append(f"  {each.reason}", style="not bold red"), page.width))
    return lines


def _hints(view: Model, width: int) -> Text:
    """Return the keys, and a summary of the processes."""
    if view.stopping:
        return fit(Text().append(" q", style="bold").append(" stop now", style="dim"), width)
    row = Text()
    for key, what in (("r", "reload"), ("q", "quit"), ("h", "help")):
        row.append(" · " if row else " ", style="dim").append(key, style="bold").append(
            f" {what}", style="dim"
        )
    running = Text(" · ", style="dim").append_text(summary(view))
    if view.unknown_key:
        answer = Text("unknown key: h shows the keys", style="yellow")
        running = Text(" · ", style="dim").append_text(answer)
        row = row if cell_len(row.plain + running.plain) <= width else Text(" ").append_text(answer)
    return fit(row + running if cell_len(row.plain + running.plain) <= width else row, width)
