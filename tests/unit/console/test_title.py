"""The terminal's title."""

from __future__ import annotations

from io import StringIO

import pytest

from devserver.console.title import RESTORE, SAVE, Title


def test_the_title_is_saved_set_and_given_back() -> None:
    """It is written only on change, and afterwards the title is what it was."""
    file = StringIO()
    title = Title(file, "xterm-256color")
    for text in ("one", "one", "two\x1b\x07"):
        title.show(text)
    title.restore()
    title.restore()
    assert file.getvalue() == f"{SAVE}\x1b]2;one\x07\x1b]2;two  \x07{RESTORE}"


@pytest.mark.parametrize("term", ["linux", "dumb", "vt100", ""])
def test_a_terminal_without_a_title_is_left_alone(term: str) -> None:
    """Where the sequence would be shown as text nothing is written."""
    file = StringIO()
    title = Title(file, term)
    title.show("one")
    title.restore()
    assert file.getvalue() == ""
