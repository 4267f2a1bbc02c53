"""A failure is shown whole, and however large it is, it stays readable."""

from __future__ import annotations

import pytest

from devserver.common.failure import Failure, Phase, Place
from devserver.master.http.pages import failure_html, failure_text
from devserver.master.http.pages.failure_text import MOST_FAILURES


def test_the_caret_stands_under_wide_letters_and_tabs() -> None:
    """In a terminal the caret is below its column."""
    failure = Failure("check", "SyntaxError", "x", Place("/a.py", 1, 5, 6, "\tä日b("))
    assert "> 1 |     ä日b(\n      |         ^" in failure_text.report((failure,), "/")


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
    assert "Thread <1>\n    sleep(99)" in failure_text.report((failure,), "")
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
def test_the_headline_shows_how_far_the_app_came(phase: Phase, words: str) -> None:
    """One knows at once whether it was the file, the import or the start-up."""
    assert failure_text.headline(Failure(phase, "E", "", Place("/app/a.py", 1)), "/app") == words


def test_code_that_follows_a_docstring_is_coloured_as_code() -> None:
    """An excerpt that begins within a string is not coloured inside out."""
    place = Place("/a.py", 3, 0, 0, 'end of it.\n"""\nreturn 1', 1, '"""')
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
