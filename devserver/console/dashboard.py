"""The dashboard: `picture` is a pure function of a view and the terminal's size.

Each row is one line that fits, and the rows are fewer than the terminal's: Live smears what is higher. Where
room is short the least important goes first, by the ladder below; the fault and its caret go last.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from devserver.common.failure import Failure
from devserver.console import failure_view
from devserver.console.failure_view import fit
from devserver.console.model import Error, Prompt, Status, Timeline, View
from devserver.console.process_table import summary, tree
from devserver.reporting import wording

STATUS: dict[Status, tuple[str, str]] = {
    "starting": ("◌ starting", "yellow"),
    "live": ("● live", "green"),
    "reloading": ("◐ reloading", "yellow"),
    "refused": ("✗ refused", "red"),
    "stopping": ("◌ stopping", "yellow"),
    "stopped": ("○ stopped", "dim"),
}
STEPS = {
    "settle": "blue",
    "check": "cyan",
    "fork": "magenta",
    "import": "yellow",
    "start": "bright_magenta",
    "live": "green",
}
BAR = 24
"""Cells of the timeline's bar."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Detail:
    """How much is drawn.

    `workers` 0: the tree is one line, -1: there is none; `others`: broken files after the first.
    """

    gaps: bool = True
    head: bool = True
    workers: int = 1_000
    context: int = 4
    frames: int = 10
    others: int = 10
    message: int = 4
    timeline: bool = True
    listeners: bool = True


def _ladder() -> Iterator[Detail]:
    detail = Detail()
    for less in (
        {},
        {"workers": 16},
        {"workers": 8},
        {"frames": 5, "others": 5},
        {"gaps": False},
        {"context": 2, "frames": 3, "others": 2, "message": 3},
        {"workers": 4},
        {"head": False},
        {"workers": 2},
        {"workers": 0},
        {"context": 1, "frames": 1},
        {"timeline": False},
        {"context": 0, "others": 1},
        {"workers": -1},
        {"listeners": False},
        {"frames": 0, "others": 0},
        {"message": 2},
    ):
        detail = replace(detail, **less)
        yield detail


LADDER = tuple(_ladder())


def picture(view: View, width: int, height: int) -> RenderableType:
    """Return the dashboard for a terminal of that size: at most `rows(height)` lines, none too wide."""
    limit = rows(height)
    lines: list[Text] = []
    for detail in LADDER:
        lines = _lines(view, width, detail)
        if len(lines) <= limit:
            break
    return Group(*lines[:limit])


def rows(height: int) -> int:
    """Return how many lines the dashboard may take: the rest is for what the app prints."""
    return max(1, height - 1 if height <= 12 else height - max(2, height // 4))


def farewell(view: View, width: int) -> RenderableType:
    """Return what stays on the screen when the console leaves."""
    if view.exit_code is None:
        text = Text("devserver has left without a word: it was killed, or it crashed", style="red")
    else:
        text = Text("devserver stopped", style="bold")
        if view.exit_code:
            text.append(f" with exit code {view.exit_code}", style="red")
        if view.generation:
            text.append(f" · generation {view.generation} was live", style="dim")
    error = _error(view.error, view, width, LADDER[5]) if view.error else []
    return Group(*error, text)


def _lines(view: View, width: int, detail: Detail) -> list[Text]:
    sections = [[_title(view, width)]]
    if detail.listeners:
        sections[0].append(_doors(view, width))
    if detail.workers > 0:
        sections.append(tree(view, width, detail.workers, head=detail.head))
    elif detail.workers == 0:
        sections.append([summary(view, width)])
    if view.prompts:
        sections.append([_prompt(prompt, view, width) for prompt in view.prompts.values()][:2])
    if detail.timeline and view.timeline:
        sections.append([_timeline(view.timeline, view.root, width)])
    if view.error:
        sections.append(_error(view.error, view, width, detail))
    sections.append([_hints(view, width)])
    lines: list[Text] = []
    for section in sections:
        if lines and section and detail.gaps:
            lines.append(Text())
        lines += section
    return lines


def _title(view: View, width: int) -> Text:
    glyph, style = STATUS[view.status]
    row = Text().append("── ", style="dim").append("devserver ", style="bold")
    room = width - cell_len(f"{row.plain} {glyph} ──")
    standing = _first_fitting((_standing(view), f" · {view.generation}"), room)
    names = (wording.relative(view.target, view.root), view.target.rpartition("/")[2])
    name = _first_fitting(names, room - cell_len(standing) - 2)
    row.append(f"{name} " if name else "")
    row.append("─" * (width - cell_len(f"{row.plain} {glyph}{standing} ──")), style="dim")
    row.append(f" {glyph}", style=f"bold {style}").append(standing, style=style).append(" ──", style="dim")
    return fit(row, width)


def _first_fitting(texts: tuple[str, ...], room: int) -> str:
    return next((text for text in texts if cell_len(text) <= room), "")


def _standing(view: View) -> str:
    """Return which generation answers, in view of the status."""
    if not view.generation:
        return " · nothing runs yet" if view.status == "refused" else ""
    return f" · generation {view.generation}" + (" goes on" if view.status == "refused" else "")


def _doors(view: View, width: int) -> Text:
    row = Text(" ")
    for listener in view.listeners:
        row.append(str(listener), style="bold").append(" · ", style="dim")
    if not view.listeners:
        row.append("nothing listens yet · ", style="dim")
    row.append(wording.plural(view.connections, "connection"), style="" if view.connections else "dim")
    if view.waiting:
        row.append(f" · {view.waiting:,} waiting", style="yellow")
    if view.stopping and view.exit_code is None:
        row.append(f" · {view.stopping}", style="yellow")
    return fit(row, width)


def _prompt(prompt: Prompt, view: View, width: int) -> Text:
    """Return who stands where, since when, and how to get back there."""
    stands = "reads its terminal" if prompt.how == "question" else "is in the debugger"
    row = Text().append(f" ⏸ w{prompt.worker} {stands}", style="bold yellow")
    if prompt.path:
        row.append(f" at {wording.relative(prompt.path, view.root)}:{prompt.line}", style="cyan")
    if prompt.what:
        row.append(f" · {prompt.what}")
    row.append(f" · since {wording.clock(prompt.since)} · the server goes on", style="dim")
    if prompt.how != "elsewhere":
        row.append(" · d ", style="bold").append("goes there", style="dim")
    return fit(row, width)


def _timeline(timeline: Timeline, root: str, width: int) -> Text:
    begin = "saved" if timeline.edit else "started"
    row = Text().append(f" {begin} → live ", style="dim")
    row.append(wording.duration(timeline.total), style="bold")
    steps = [(name, value) for name, value in wording.ordered(timeline.steps) if value > 0]
    words = _words(steps)
    if cell_len(row.plain + words.plain) + 2 > width:
        words = _words([(name, value) for name, value in steps if value >= 0.5])
    names = wording.files(timeline.paths, root)
    if width >= cell_len(row.plain) + BAR + cell_len(words.plain) + cell_len(names) + 8:
        row.append("  ").append_text(_bar(steps))
    if words:
        row.append("  ").append_text(words)
    if names:
        row.append(f"  {names}", style="dim")
    return fit(row, width)


def _words(steps: list[tuple[str, float]]) -> Text:
    words = Text()
    for name, value in steps:
        words.append(" · " if words else "", style="dim")
        words.append(f"{name} ", style=STEPS.get(name, "")).append(wording.milliseconds(value))
    return words


def _bar(steps: list[tuple[str, float]]) -> Text:
    """Return the steps as stretches of one line, in proportion; the last cell is where the sum ends."""
    bar = Text()
    total, elapsed, drawn = sum(value for _, value in steps) or 1.0, 0.0, 0
    for name, value in steps:
        elapsed += value
        until = round(elapsed / total * BAR)
        bar.append("━" * (until - drawn), style=STEPS.get(name, ""))
        drawn = max(drawn, until)
    return bar


def _error(error: Error, view: View, width: int, detail: Detail) -> list[Text]:
    if not error.failures:
        return [fit(Text(" ✗ the new code was refused", style="bold red"), width)]
    failure = error.failures[0]
    lines = _headline(failure, view.root, width, detail.message)
    if detail.frames:
        lines += failure_view.causes(failure, view.root, width)[: detail.frames]
        if len(failure.frames) > 1:
            lines += failure_view.frames(failure, detail.frames, view.root, width)
    if failure.place:
        lines += failure_view.excerpt(failure.place, detail.context, width)
    if failure.stack and detail.frames:
        tail = failure.stack.strip().splitlines()[-detail.frames :]
        lines += [fit(Text(f"   {line}", style="dim"), width) for line in tail]
    for other in error.failures[1 : 1 + detail.others]:
        lines += _headline(other, view.root, width, 1)
    hidden = len(error.failures) - 1 - detail.others
    if hidden > 0:
        lines.append(fit(Text(f"   and {wording.plural(hidden, 'broken file')} more", style="red"), width))
    return lines


def _headline(failure: Failure, root: str, width: int, most: int) -> list[Text]:
    """Return where and what, in at most `most` lines of message; the place has its own if both do not fit."""
    where = wording.location(failure.place, root) if failure.place else ""
    what = wording.reason(failure)
    row = Text(" ✗ ", style="bold red")
    if most == 1 or not where or cell_len(f"{where}{what}") + 5 <= width:
        row.append(f"{where}  " if where else "", style="not bold cyan").append(what)
        return [fit(row, width)]
    folded = textwrap.wrap(
        failure_view.printable(what), max(8, width - 3), max_lines=most - 1, placeholder=" …"
    )
    lines = [row.append(where, style="not bold cyan")]
    lines += [Text(f"   {line}", style="bold red") for line in folded]
    return [fit(line, width) for line in lines]


def _hints(view: View, width: int) -> Text:
    if view.stopping:
        return fit(Text().append(" q", style="bold").append(" stop now", style="dim"), width)
    row = Text().append(" r", style="bold").append(" reload · ", style="dim")
    return fit(row.append("q", style="bold").append(" quit", style="dim"), width)
