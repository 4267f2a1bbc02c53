"""The timeline of the last reload: a bar of its steps, and their durations."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from devserver.console.failure_view import fit
from devserver.console.model import Timeline
from devserver.reporting import wording

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


def timeline_row(timeline: Timeline, root: str, width: int) -> Text:
    """Return the timeline as one row that fits."""
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
    """Return the steps as parts of one line, in proportion to their durations."""
    bar = Text()
    total, elapsed, drawn = sum(value for _, value in steps) or 1.0, 0.0, 0
    for name, value in steps:
        elapsed += value
        until = round(elapsed / total * BAR)
        bar.append("━" * (until - drawn), style=STEPS.get(name, ""))
        drawn = max(drawn, until)
    return bar
