"""How much the dashboard shows: from everything down to the state alone, one step at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True, slots=True)
class Detail:
    """How much the dashboard shows. `head`: rows of the headline, `others`: broken files after the first."""

    gaps: bool = True
    head: int = 4
    traffic: bool = True
    workers: int = 1_000
    context: int = 3
    steps: int = 8
    others: int = 8
    words: int = 8
    links: int = 8
    hints: bool = True
    error: bool = True
    """Whether the error is shown beside the panel."""


def _ladder() -> Iterator[Detail]:
    detail = Detail()
    for less in (
        {},
        {"workers": 16},
        {"workers": 8, "steps": 5, "others": 5},
        {"gaps": False},
        {"context": 2, "steps": 3, "others": 2, "words": 4},
        {"workers": 4, "links": 2},
        {"context": 1, "steps": 1, "words": 2, "links": 1},
        {"workers": 2, "others": 1},
        {"context": 0},
        {"traffic": False, "others": 0},
        {"steps": 0, "words": 0},
        {"error": False},
        {"head": 3},
        {"hints": False},
        {"head": 2},
        {"links": 0},
        {"workers": 0},
        {"head": 1},
    ):
        detail = replace(detail, **less)
        yield detail


LADDER = tuple(_ladder())
"""From the fullest dashboard to the smallest."""
