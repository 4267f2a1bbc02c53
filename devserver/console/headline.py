"""The headline answers: is my last save live, and if not, why? A pure function of facts and a clock.

Law: it is the first line on the screen, and the terminal's title in the same words. A reader understands it
without knowing how devserver works.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from rich.cells import cell_len, set_cell_size

from devserver.reporting import wording

Mood = Literal["good", "warning", "bad", "waiting", "over"]

GAP = "  "
LONGEST_TITLE = 120
"""Characters of the terminal's title."""
FIRST_SECOND = 1.0
"""Seconds after which the headline shows how long a start has taken so far."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why the newest save does not run: `where` is `main.py:14`, `more` counts further broken files."""

    where: str
    why: str
    more: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """The facts of the headline. Times are Unix times, 0: does not apply. Files as the user names them."""

    name: str = ""
    """What was started: `main.py`."""
    live_since: float = 0.0
    took_ms: float = 0.0
    """From the save to live."""
    saved: tuple[str, ...] = ()
    """The files that the live code came with; empty for the first code."""
    starting_since: float = 0.0
    starting: tuple[str, ...] = ()
    at: str = ""
    """The progress of a slow start: `importing pandas (main.py:3)`."""
    refused: Refusal | None = None
    failed: int = 0
    """How many requests or calls the live code has failed."""
    failed_what: Literal["request", "call"] = "request"
    last_failure: str = ""
    """`GET /boom ZeroDivisionError: division by zero`."""
    stopping: str = ""
    exit_code: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """`state` comes first, the other parts follow. `consequence`: what devserver does now."""

    mood: Mood
    mark: str
    state: str
    where: str = ""
    what: str = ""
    when: str = ""
    consequence: str = ""

    @property
    def title(self) -> str:
        """The terminal's title."""
        text = GAP.join(
            part for part in (f"{self.mark} {self.state}", self.where, self.what, self.when) if part
        )
        if self.consequence:
            text += f" — {self.consequence}"
        return text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 1]}…"


def headline(facts: Facts, now: float) -> Headline:
    """Return the headline at the Unix time `now`."""
    if facts.exit_code is not None:
        return Headline(mood="over", mark="○", state="STOPPED")
    if facts.stopping:
        return Headline(mood="waiting", mark="…", state="STOPPING", what=facts.stopping)
    if facts.starting_since:
        return _starting(facts, now)
    if facts.refused is not None:
        return _refused(facts, facts.refused)
    if not facts.live_since:
        return Headline(mood="waiting", mark="…", state="STARTING", where=facts.name)
    live = {
        "where": wording.files(facts.saved, most=2) or facts.name,
        "when": wording.clock(facts.live_since),
    }
    if facts.failed:
        state = f"LIVE, {wording.plural(facts.failed, facts.failed_what)} failed"
        return Headline(mood="warning", mark="⚠", state=state, what=facts.last_failure, **live)
    took = wording.duration(facts.took_ms) if facts.took_ms else ""
    return Headline(mood="good", mark="✓", state="LIVE", what=took, **live)


def _starting(facts: Facts, now: float) -> Headline:
    passed = now - facts.starting_since
    older = wording.still_running(facts.live_since) if facts.live_since else ""
    return Headline(
        mood="waiting",
        mark="…",
        state="starting" if facts.live_since else "STARTING",
        where=wording.files(facts.starting, most=2) or facts.name,
        what=_long(passed) if passed >= FIRST_SECOND else "",
        when=facts.at if passed >= FIRST_SECOND else "",
        consequence=older if passed >= FIRST_SECOND else "",
    )


def _refused(facts: Facts, refusal: Refusal) -> Headline:
    more = f" and {wording.plural(refusal.more, 'more broken file')}" if refusal.more else ""
    return Headline(
        mood="bad",
        mark="✗",
        state="NOT LIVE",
        where=refusal.where,
        what=f"{refusal.why}{more}",
        consequence=wording.still_running(facts.live_since) if facts.live_since else wording.NOTHING_RUNS,
    )


def _long(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


Span = tuple[str, str]
"""A part's name and its text."""


def laid_out(line: Headline, width: int, most: int) -> list[list[Span]]:
    """Return the headline in at most `most` rows of `width` cells, each a list of parts.

    Parts that do not fit behind the state get rows of their own; the last row is cut.
    """
    parts: list[Span] = [("state", f"{line.mark} {line.state}")]
    parts += [(name, text) for name in ("where", "what", "when") if (text := getattr(line, name))]
    if line.consequence:
        parts.append(("consequence", line.consequence))
    whole = _joined(parts)
    if cell_len(_text(whole)) <= width or most == 1:
        return [_cut(whole, width)]
    rows = list(_wrapped(parts, width))
    if len(rows) > most and (without := [part for part in parts if part[0] != "when"]) != parts:
        rows = list(_wrapped(without, width))
    return [_cut(row, width) for row in rows[:most]]


def _wrapped(parts: list[Span], width: int) -> Iterator[list[Span]]:
    """Return rows of parts; those after the first begin with a gap."""
    row: list[Span] = []
    for part in parts:
        if row and cell_len(_text(_joined([*row, part]))) > width:
            yield _joined(row)
            row = [("", "")]
        row.append(part)
    yield _joined(row)


def _joined(parts: list[Span]) -> list[Span]:
    """Return the parts with their separators."""
    found = parts[:1]
    for before, part in pairwise(parts):
        found += [("", " — " if part[0] == "consequence" and before[0] else GAP), part]
    return found


def _text(row: list[Span]) -> str:
    return "".join(text for _, text in row)


def _cut(row: list[Span], width: int) -> list[Span]:
    found, room = list[Span](), width
    for name, text in row:
        if cell_len(text) > room:
            if name and room > 1:
                found.append((name, set_cell_size(text, room - 1).rstrip() + "…"))
            break
        found.append((name, text))
        room -= cell_len(text)
    return found
