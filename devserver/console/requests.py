"""The requests in the console: one line each, and the counters of the live code; pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rich.text import Text

from devserver.common import events
from devserver.common.events import Request
from devserver.reporting import wording

SPAN = 5
"""Seconds over which the rate is an average."""
SLOW = 1_000
"""Milliseconds; a request that took longer is marked."""
STATUSES = {1: "dim", 2: "green", 3: "cyan", 4: "yellow", 5: "bold red"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """Requests and failures since the live code went live. `slowest` is a method and path."""

    count: int = 0
    failed: int = 0
    slowest: str = ""
    slowest_ms: float = 0.0
    seconds: Mapping[int, int] = field(default_factory=dict)
    """How many in each of the last seconds, by Unix time."""

    def plus(self, more: events.Requests) -> Traffic:
        """Return the counters with the requests of `more` added."""
        second = int(more.at)
        seconds = {at: count for at, count in self.seconds.items() if at > second - SPAN}
        seconds[second] = seconds.get(second, 0) + more.count
        slowest = max(more.requests, key=lambda request: request.ms, default=None)
        found = replace(
            self, count=self.count + more.count, failed=self.failed + more.failed, seconds=seconds
        )
        if slowest is None or slowest.ms <= self.slowest_ms:
            return found
        return replace(found, slowest=f"{slowest.method} {slowest.path}", slowest_ms=slowest.ms)

    def plus_failure(self) -> Traffic:
        """Return the counters with one more failure, which no request with a 5xx has counted."""
        return replace(self, failed=self.failed + 1)

    def rate(self, now: float) -> float:
        """Return the requests per second, over the last whole seconds."""
        return sum(count for at, count in self.seconds.items() if now - 1 - SPAN < at <= now) / SPAN


def summary(traffic: Traffic, now: float) -> list[str]:
    """Return the counters, the most important first; an empty list while there is nothing to count."""
    if not traffic.count:
        return []
    parts = [wording.plural(traffic.count, "request")]
    if rate := traffic.rate(now):
        parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
    if traffic.slowest:
        parts.append(f"slowest {wording.duration(traffic.slowest_ms)} {traffic.slowest}")
    return parts


def is_hidden(request: Request, globs: Sequence[str]) -> bool:
    """Return whether to hide a request's line: its path matches a glob, and it succeeded."""
    path = request.path.partition("?")[0]
    return 0 < request.status < 400 and any(fnmatch.fnmatchcase(path, glob) for glob in globs)


def line(request: Request, live: int, lives: Mapping[int, float]) -> Text:
    """Return a request's line; it names the code that ran it if that was not the live one."""
    row = Text(wording.clock(request.at), style="dim", overflow="fold")
    row.append(f" {request.method:<4} ", style="default not dim bold")
    row.append(_printable(request.path), style="default not dim")
    status = str(request.status) if request.status else "client left"
    row.append(f" {status}", style=f"not dim {STATUSES.get(request.status // 100, 'dim')}")
    row.append(f" {wording.duration(request.ms)}", style="not dim yellow" if request.ms >= SLOW else "dim")
    if request.generation and request.generation < live and request.generation in lives:
        row.append(f" on the code of {wording.clock(lives[request.generation])}", style="yellow")
    return row


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
