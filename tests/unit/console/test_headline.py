"""The headline: whether the last save is live, and if not, why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from devserver.console.headline import Facts, Headline, Refusal, headline, laid_out
from devserver.reporting import wording

NOON = 1_700_000_000.0
LIVE = Facts(name="main.py", live_since=NOON, took_ms=18, saved=("main.py",))
REFUSED = replace(LIVE, refused=Refusal(where="main.py:14", why="'{' was never closed"))


def told(facts: Facts, after: float = 0.0) -> str:
    return headline(facts, NOON + after).title


def test_the_last_save_is_live() -> None:
    """It shows that the code is live, which file was saved, how long that took, and when it was."""
    assert told(LIVE) == f"✓ LIVE  main.py  18 ms  {wording.clock(NOON)}"


def test_a_refused_save_shows_why_and_what_runs() -> None:
    """It shows that the save is not live, where and why, and which code answers meanwhile."""
    running = f"still running the code of {wording.clock(NOON)}"
    assert told(REFUSED) == f"✗ NOT LIVE  main.py:14  '{{' was never closed — {running}"


def test_a_first_start_that_fails_promises_nothing() -> None:
    """Where no code ran before, it shows that nothing runs."""
    facts = replace(REFUSED, live_since=0.0)
    assert told(facts).endswith("'{' was never closed — nothing runs until it is fixed")


def test_further_broken_files_are_counted() -> None:
    """One fault is named, the others are counted."""
    facts = replace(LIVE, refused=Refusal(where="a.py:1", why="invalid syntax", more=2))
    assert "a.py:1  invalid syntax and 2 more broken files —" in told(facts)


def test_a_start_counts_the_seconds() -> None:
    """While code starts, it shows which file it is about and, from the first second on, for how long."""
    facts = replace(LIVE, starting_since=NOON, starting=("shop/models.py",))
    assert told(facts, 0.5) == "… starting  shop/models.py"
    assert told(facts, 3.4).startswith("… starting  shop/models.py  3 s — still running the code of")
    assert "2 min 5 s" in told(facts, 125)


def test_a_long_import_shows_where_it_is() -> None:
    """A start that takes long names the line that the import has come to."""
    facts = replace(LIVE, live_since=0.0, starting_since=NOON, at="importing pandas (main.py:3)")
    assert told(facts, 6) == "… STARTING  main.py  6 s  importing pandas (main.py:3)"


def test_failed_requests_stay_in_sight() -> None:
    """A request that failed since the last save turns the headline into a warning that names it."""
    facts = replace(LIVE, failed=2, last_failure="GET /boom ZeroDivisionError: division by zero")
    assert told(facts).startswith("⚠ LIVE, 2 requests failed  main.py  GET /boom ZeroDivisionError")
    assert told(replace(LIVE, failed=1, failed_what="call")).startswith("⚠ LIVE, 1 call failed")


def test_what_is_newest_comes_first() -> None:
    """The end of the server outranks a start, a start outranks a refusal, a refusal a failed request."""
    facts = replace(REFUSED, failed=3)
    assert told(facts).startswith("✗ NOT LIVE")
    facts = replace(facts, starting_since=NOON)
    assert told(facts).startswith("… starting")
    facts = replace(facts, stopping="SIGINT")
    assert told(facts).startswith("… STOPPING")
    assert told(replace(facts, exit_code=0)) == "○ STOPPED"


def test_a_title_has_an_end() -> None:
    """A long message does not make a title that no tab can show."""
    facts = replace(LIVE, refused=Refusal(where="main.py:1", why="x" * 1_000))
    assert len(told(facts)) == 120


def rows(line: Headline, width: int, most: int = 3) -> list[str]:
    return ["".join(text for _, text in row) for row in laid_out(line, width, most)]


def test_a_narrow_terminal_gets_the_reason_in_rows_of_its_own() -> None:
    """At 40 columns state, place, reason and consequence are all there, one below the other."""
    assert rows(headline(REFUSED, NOON), 40) == [
        "✗ NOT LIVE  main.py:14",
        "  '{' was never closed",
        f"  still running the code of {wording.clock(NOON)}",
    ]


def test_twenty_columns_show_the_state() -> None:
    """At 20 columns the state is whole and the place is cut."""
    assert rows(headline(REFUSED, NOON), 20, 1) == ["✗ NOT LIVE  main.py…"]


@given(
    width=st.integers(1, 200),
    most=st.integers(1, 4),
    where=st.text(max_size=40),
    why=st.text(max_size=200),
    live=st.booleans(),
)
def test_it_always_fits(width: int, most: int, where: str, why: str, live: bool) -> None:
    """Whatever the names and messages, no row is too wide and there are no more rows than asked for."""
    facts = Facts(name=where, live_since=NOON if live else 0, refused=Refusal(where=where, why=why))
    found = rows(headline(facts, NOON), width, most)
    assert len(found) <= most
    assert all(cell_len(row) <= width for row in found)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_state_is_the_first_word(width: int) -> None:
    """Whatever else there is, the line begins with the state."""
    assert rows(headline(REFUSED, NOON), width)[0].startswith("✗ NOT LIVE  main.py:14")
