"""What a failure means to its author."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.common.explain import MOST_STEPS, WIDEST, SourceLine, Step, explain, relative
from devserver.common.failure import Failure, Frame, Place

LIB = "/venv/lib/python3.11/site-packages"
OWN = Frame("/app/main.py", 7, "show", "total(rows)", 1, 12)


def failure(*frames: Frame, message: str = "boom", place: Place | None = None, **more: object) -> Failure:
    return Failure("request", "ValueError", message, place, frames, **more)  # type: ignore[arg-type]


def told(*frames: Frame) -> list[str]:
    steps = explain(failure(*frames), "/app").steps
    return [f"{step.where} {step.function}" if isinstance(step, Step) else step for step in steps]


def test_paths_are_those_of_the_project() -> None:
    """A file of the project is named as its author names it, any other in full."""
    assert told(OWN, Frame(f"{LIB}/x.py", 1, "f")) == ["main.py:7 show", f"{LIB}/x.py:1 f"]


def test_library_code_is_folded_but_for_the_innermost() -> None:
    """What lies between the app's own steps is reported in a line that names the packages."""
    inside = [Frame(f"{LIB}/starlette/a.py", n, "call") for n in range(3)]
    assert told(*inside, OWN, *inside) == [
        "… 3 steps in starlette",
        "main.py:7 show",
        f"{LIB}/starlette/a.py:0 call",
        f"{LIB}/starlette/a.py:1 call",
        f"{LIB}/starlette/a.py:2 call",
    ]


def test_a_recursion_is_folded() -> None:
    """Functions that call themselves, or each other, are shown once with the number of rounds."""
    one, two = Frame("/app/a.py", 1, "f"), Frame("/app/b.py", 2, "g")
    assert told(OWN, *[one] * 980) == ["main.py:7 show", "a.py:1 f", "… the step above, 979 times more"]
    assert told(*[one, two] * 400, OWN) == [
        "a.py:1 f",
        "b.py:2 g",
        "… the 2 steps above, 399 times more",
        "main.py:7 show",
    ]
    assert told(one, one) == ["a.py:1 f", "a.py:1 f"]


def test_a_library_that_raised_is_named_in_a_line() -> None:
    """Where the fault is shown at the author's line, it is shown which library raised it."""
    frames = (OWN, Frame(f"{LIB}/sqlalchemy/engine/base.py", 1967, "execute"))
    shown = explain(failure(*frames, place=Place("/app/main.py", 7, excerpt="total(rows)", first=7)), "/app")
    assert shown.raised_in == "sqlalchemy/engine/base.py:1967 in execute"
    standard = Frame(os.path.join(os.path.dirname(os.__file__), "json", "decoder.py"), 3, "decode")
    shown = explain(failure(OWN, standard, place=Place("/app/main.py", 7)), "/app")
    assert shown.raised_in == "json/decoder.py:3 in decode"
    assert explain(failure(OWN, place=Place("/app/main.py", 7)), "/app").raised_in == ""


def test_the_reason_is_one_line() -> None:
    """A message of several lines, and a suggestion, make one line; the rest is kept."""
    shown = explain(failure(message="first\nsecond\nthird", suggestion="Did you mean: 'x'?"))
    assert shown.reason == "ValueError: first … Did you mean: 'x'?"
    assert shown.rest == ("second", "third")


def test_a_group_is_looked_at_through_its_first_exception() -> None:
    """What is shown first of a group is the fault within it."""
    inner = failure(OWN, message="inner")
    shown = explain(failure(message="many", group=(failure(message="mid", group=(inner,)), failure())))
    assert shown.root.message == "inner"
    assert len(shown.group) == 2


def test_a_cause_shows_how_it_is_related() -> None:
    """`raise … from` and an exception raised while another was handled are distinguished."""
    meant = explain(failure(cause=failure(message="first", cause=failure(message="root"), handling=True)))
    assert [(each.relation, each.message) for each in meant.causes] == [
        ("caused by", "first"),
        ("raised while handling", "root"),
    ]


@pytest.mark.parametrize("column", [1, 50, 1000, 4999, 5001])
def test_a_very_long_line_is_cut_around_the_fault(column: int) -> None:
    """The mark is on the fault even in a line that does not fit."""
    line = "".join(chr(ord("a") + at % 26) for at in range(5000))
    (row,) = explain(failure(place=Place("/a.py", 1, column, column + 3, line))).source
    assert len(row.text) <= WIDEST + 3
    assert row.text[row.start : row.end] == line[column - 1 : column + 2]
    (row,) = explain(failure(place=Place("/a.py", 1, column, 5001, line))).source
    assert row.start < row.end <= len(row.text) + 2


def test_a_fault_without_a_column_marks_its_line_alone() -> None:
    """Most exceptions of older code know their line only."""
    shown = explain(failure(place=Place("/a.py", 2, excerpt="a\nb"))).source
    assert shown == (SourceLine(1, "a"), SourceLine(2, "b", True))


def test_a_long_traceback_keeps_both_ends() -> None:
    """Where it began and where it failed are seen; how much was left out is reported."""
    shown = told(*(Frame("/app/a.py", number, "f") for number in range(1, 201)))
    assert len(shown) == MOST_STEPS + 1
    assert (shown[0], shown[-1]) == ("a.py:1 f", "a.py:200 f")
    assert "… 160 steps more" in shown


def test_only_what_lies_in_the_root_is_shortened() -> None:
    """A neighbour whose name begins alike keeps its whole path."""
    assert relative("/app/a.py", "/app/") == "a.py"
    assert relative("/apple/a.py", "/app") == "/apple/a.py"
    assert relative("/app/a.py", "") == "/app/a.py"


@given(
    st.lists(
        st.builds(
            Frame, st.sampled_from(["/app/a.py", f"{LIB}/p/b.py", "<s>"]), st.integers(0, 3), st.just("f")
        ),
        max_size=300,
    )
)
def test_any_traceback_is_bounded(frames: list[Frame]) -> None:
    """However deep it is, its steps are few, and the innermost one is there or counted."""
    steps = explain(failure(*frames), "/app").steps
    assert len(steps) <= MOST_STEPS + 1
    if frames and isinstance(steps[-1], Step):
        assert (steps[-1].where.path, steps[-1].where.line) == (frames[-1].path, frames[-1].line)
