"""docs/RELIABILITY.md names the bounds that the code has."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "RELIABILITY.md"
ROW = re.compile(r"\| (?P<what>.+?) \| (?P<number>[\d,.]+)(?: (?P<unit>\w+))? \|.*\| `(?P<name>[\w.]+)` \|")
UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "min": 60.0, "KiB": 1024.0, "MiB": 1024.0**2}
BOUNDS = [match for line in PAGE.read_text().splitlines() if (match := ROW.fullmatch(line))]


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound["name"].rpartition(".")[2])
def test_a_stated_bound_is_the_one_that_holds(bound: re.Match[str]) -> None:
    """Each number stands beside the name that the code has for it, in seconds, bytes or pieces."""
    stated = float(bound["number"].replace(",", "")) * UNITS[bound["unit"] or ""]
    assert stated == pytest.approx(_value(bound["name"]))


def test_the_page_states_bounds() -> None:
    """The table is read at all."""
    assert len(BOUNDS) > 10


def _value(name: str) -> float:
    """Return a module's constant, or the default of a field of one of `config`'s classes."""
    path, _, last = name.rpartition(".")
    head, _, kind = path.rpartition(".")
    if kind[:1].isupper():
        found = getattr(importlib.import_module(head), kind)()
        return float(getattr(found, last))
    return float(getattr(importlib.import_module(path), last))
