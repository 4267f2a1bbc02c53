"""Links that open a file at its line."""

from __future__ import annotations

import pytest

from devserver.common.editor_links import EDITORS, FILE, for_pages, guessed, link, template
from devserver.common.errors import UsageError


def test_a_known_editor_opens_the_line() -> None:
    """The path is escaped, line and column are there."""
    assert link(template("vscode"), "/app/a b.py", 14, 3) == "vscode://file/app/a%20b.py:14:3"
    assert link(template("PyCharm"), "/app/a.py", 2) == "pycharm://open?file=/app/a.py&line=2&column=1"
    assert template("code") == template("vscode")


def test_any_other_editor_is_a_url() -> None:
    """A scheme of the user's own is given as a URL."""
    assert link(template("my://o?f={path}&l={line}"), "/a.py", 7) == "my://o?f=/a.py&l=7"


@pytest.mark.parametrize("editor", ["vim", "", "my://{file}", "my://{path}{nope}", "{path}"])
def test_a_scheme_that_makes_no_sense_is_refused(editor: str) -> None:
    """It is shown which editors there are and what a URL looks like."""
    with pytest.raises(UsageError, match=r"give one of vscode, .* or a URL like"):
        template(editor)


def test_what_is_no_file_has_no_link() -> None:
    """Source from a string, and an editor that is not to be opened, give no link."""
    assert link(FILE, "<string>", 1) == ""
    assert link(template("none"), "/a.py", 1) == ""


def test_the_terminal_of_an_editor_opens_that_editor() -> None:
    """In an editor's own terminal the editor need not be named."""
    assert guessed({"TERM_PROGRAM": "vscode"}) == EDITORS["vscode"]
    assert guessed({"TERM_PROGRAM": "vscode", "CURSOR_TRACE_ID": "1"}) == EDITORS["cursor"]
    assert guessed({"TERMINAL_EMULATOR": "JetBrains-JediTerm"}) == ""
    assert guessed({}) == FILE


@pytest.mark.parametrize(
    ("editor", "environment", "expected"),
    [
        (None, {"TERM_PROGRAM": "vscode"}, EDITORS["vscode"]),
        (None, {}, ""),
        (EDITORS["file"], {}, ""),
        (EDITORS["pycharm"], {"TERM_PROGRAM": "vscode"}, EDITORS["pycharm"]),
    ],
)
def test_a_page_has_links_only_into_an_editor(
    editor: str | None, environment: dict[str, str], expected: str
) -> None:
    """No browser opens a file from a page."""
    assert for_pages(editor, environment) == expected
