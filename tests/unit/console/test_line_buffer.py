"""What the app prints, cut into lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devserver.console.line_buffer import LONGEST, QUIET, QUIET_REDRAWN, Line, LineBuffer


def test_lines_wait_for_their_end() -> None:
    """Half a line is not shown before the other half has come."""
    lines = LineBuffer()
    assert lines.feed("one\ntw") == [Line("one")]
    assert lines.feed("o\n") == [Line("two")]
    assert lines.patience is None


def test_a_prompt_is_shown_after_a_moment_of_quiet() -> None:
    """A prompt without a newline appears, and what follows it is marked as its continuation."""
    lines = LineBuffer()
    assert lines.feed("(Pdb) ") == []
    assert lines.patience == QUIET
    assert lines.flush() == [Line("(Pdb) ")]
    assert lines.feed("next\r\n") == [Line("next", continues=True)]
    assert lines.feed("new\r\n") == [Line("new")]


def test_the_end_of_a_line_that_was_shown_adds_no_empty_line() -> None:
    """`print("…", end="")` and a later `print()` make one line."""
    lines = LineBuffer()
    lines.feed("working")
    assert lines.flush() == [Line("working")]
    assert lines.feed("\n\nnext\n") == [Line(""), Line("next")]


def test_a_terminals_line_ends_are_line_ends() -> None:
    """CR LF, also when it comes in two pieces, ends a line and erases nothing."""
    lines = LineBuffer()
    assert lines.feed("one\r") == []
    assert lines.feed("\ntwo\r\n") == [Line("one"), Line("two")]


def test_a_progress_bar_shows_its_last_state() -> None:
    """What a line has drawn over is not shown, and a bar that moves does not flood the screen."""
    lines = LineBuffer()
    assert lines.feed("10%\r20%\r30%") == []
    assert lines.patience == QUIET_REDRAWN
    assert lines.feed("\r100%\n") == [Line("100%")]


def test_a_line_without_end_is_shown_in_pieces() -> None:
    """An endless line does not fill the memory, and none of it is lost."""
    lines = LineBuffer()
    shown = lines.feed("x" * (LONGEST + 1))
    assert shown == [Line("x" * (LONGEST + 1))]
    assert lines.feed("y\n") == [Line("y", continues=True)]


@given(st.lists(st.text(alphabet="ab \x1b[é"), min_size=1), st.data())
def test_any_cut_gives_the_same_lines(texts: list[str], data: st.DataObject) -> None:
    """However the output is cut on its way, the same lines come out, complete and in order."""
    stream = "".join(f"{text}\r\n" for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    lines = LineBuffer()
    shown = [
        line.text
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for line in lines.feed(stream[start:end])
    ]
    assert shown == texts
