"""A failure is shown whole, and however large it is, it stays readable."""

from __future__ import annotations

import pytest

from devserver.common.failure import Failure, Frame, Phase, Place
from devserver.master.http.pages import failure_html, failure_text
from devserver.master.http.pages.failure_text import MOST_FAILURES, MOST_FRAMES, OUTERMOST, WIDEST, Row


def test_a_recursion_is_shown_once_and_counted() -> None:
    """A function that called itself a thousand times does not fill the page."""
    outer, inner = Frame("/a.py", 1, "<module>"), Frame("/a.py", 2, "f")
    shown = failure_text.frames(
        Failure("import", "RecursionError", "", None, (outer, *[inner] * 1000, outer))
    )
    assert shown == [outer, inner, inner, inner, "… the frame above, 997 times more", outer]


def test_a_long_traceback_keeps_both_ends() -> None:
    """Where it began and where it failed are seen; how much was left out is said."""
    frames = tuple(Frame("/a.py", number, "f") for number in range(1, 201))
    shown = failure_text.frames(Failure("import", "E", "", None, frames))
    assert len(shown) == MOST_FRAMES + 1
    assert shown[:OUTERMOST] == list(frames[:OUTERMOST])
    assert shown[OUTERMOST] == "… 160 frames more"
    assert shown[-1] == frames[-1]


@pytest.mark.parametrize("column", [1, 50, 1000, 4999, 5001])
def test_a_very_long_line_is_cut_around_the_fault(column: int) -> None:
    """The mark is on the fault even in a line that does not fit."""
    line = "".join(chr(ord("a") + at % 26) for at in range(5000))
    (row,) = failure_text.rows(Place("/a.py", 1, column, column + 3, line))
    assert len(row.text) <= WIDEST + 3
    assert row.text[row.start : row.end] == line[column - 1 : column + 2]
    (row,) = failure_text.rows(Place("/a.py", 1, column, 5001, line))
    assert row.start < row.end <= len(row.text) + 2


def test_a_fault_without_a_column_marks_its_line_alone() -> None:
    """Most exceptions know their line only."""
    assert failure_text.rows(Place("/a.py", 2, excerpt="a\nb")) == [Row(1, "a"), Row(2, "b", True)]


def test_the_caret_stands_under_wide_letters_and_tabs() -> None:
    """In a terminal the caret is below its column."""
    failure = Failure("check", "SyntaxError", "x", Place("/a.py", 1, 5, 6, "\tä日b("))
    assert "❱ 1 │ \tä日b(\n    │ \t    ^\n" in failure_text.report((failure,), "/")


def test_many_failures_are_counted() -> None:
    """After a branch switch that broke everything the first few are shown."""
    failures = tuple(Failure("check", "SyntaxError", f"number {at}") for at in range(MOST_FAILURES + 5))
    for shown in (failure_text.report(failures, ""), failure_html.body(failures, "")):
        assert "number 7" in shown
        assert "number 8" not in shown
        assert "5 more" in shown


def test_what_a_stopped_process_did_is_shown() -> None:
    """A module that never finished importing shows the stack that it had."""
    failure = Failure("import", "BootTimeout", "took 60 s", stack="Thread <1>\n  sleep(99)")
    assert "Thread <1>\n  sleep(99)" in failure_text.report((failure,), "")
    assert "Thread &lt;1&gt;\n  sleep(99)" in failure_html.body((failure,), "")


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("check", "a.py does not compile"),
        ("import", "the app could not be imported"),
        ("start-up", "the app's start-up failed"),
        ("stop", "the app failed"),
    ],
)
def test_the_headline_says_how_far_the_app_came(phase: Phase, words: str) -> None:
    """One knows at once whether it was the file, the import or the start-up."""
    assert failure_text.headline(Failure(phase, "E", "", Place("/app/a.py", 1)), "/app") == words


def test_only_what_lies_in_the_root_is_shortened() -> None:
    """A neighbour whose name begins alike keeps its whole path."""
    assert failure_text.relative("/app/a.py", "/app/") == "a.py"
    assert failure_text.relative("/apple/a.py", "/app") == "/apple/a.py"
    assert failure_text.relative("/app/a.py", "") == "/app/a.py"


def test_code_that_follows_a_docstring_is_coloured_as_code() -> None:
    """An excerpt that begins within a string is not coloured inside out."""
    place = Place("/a.py", 3, excerpt='end of it.\n"""\nreturn 1', first=1)
    html = failure_html.body((Failure("import", "E", "", place),), "/")
    assert '<span class="k">return</span>' in html
    assert '<span class="s">end of it.</span>' in html


@pytest.mark.parametrize("path", ["/a.html", "/a.toml", "/.env", "/a.nobody-knows", "<string>", ""])
def test_any_kind_of_file_is_shown(path: str) -> None:
    """A template or a file of no known kind is shown as well, line by line."""
    assert ["".join(code for _, code in line) for line in failure_html.paint("a <b>\n\nc\n", path)] == [
        "a <b>",
        "",
        "c",
        "",
    ]
