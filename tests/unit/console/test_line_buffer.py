"""What the app prints, cut into lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.console.line_buffer import LONGEST, MOST_ROWS, QUIET, Line, LineBuffer


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


def test_a_progress_bar_is_live_and_leaves_its_last_state() -> None:
    """A bar that moves is one row, and what it has drawn over is in no line."""
    lines = LineBuffer()
    assert lines.feed("\r10%") == []
    assert lines.live == ["10%"]
    assert lines.feed("\r20%\r30%  ") == []
    assert lines.live == ["30%  "]
    assert lines.patience is None
    assert lines.feed("\r100%\r\n") == []
    assert lines.rests
    assert lines.patience == QUIET
    assert lines.flush() == [Line("100%")]
    assert lines.live == []


def test_lines_below_a_bar_that_has_ended_are_shown_at_once() -> None:
    """What is printed after a bar does not wait for a moment of quiet."""
    lines = LineBuffer()
    assert lines.feed("\r10%\r100%\r\n1\r\n") == []
    assert lines.feed("2\r\n3\r\n") == [Line("100%"), Line("1"), Line("2"), Line("3")]
    assert lines.patience is None


TQDM = (
    "before\r\n",
    "\router:   0%| 0/2 [00:00<?]\r\n\rinner:   0%| 0/5\x1b[A",
    "\r\n\rinner:  20%| 1/5\x1b[A",
    "\r\n\r            \x1b[A\r            \rwrote 0\r\n\router:  50%| 1/2\r\n\rinner:   0%| 0/5\x1b[A",
    "\r\n\r                \x1b[A\router: 100%| 2/2\r\nafter\r\n",
)
"""What tqdm 4.70 writes for two bars, the inner one with leave=False, and a tqdm.write between; abridged."""
RICH = (
    "\x1b[?25l\r\x1b[2Kone \x1b[91m━\x1b[0m  0%\r\ntwo \x1b[91m━\x1b[0m  0%",
    "\r\x1b[2K\x1b[1A\x1b[2Kone \x1b[91m━\x1b[0m 50%\r\ntwo \x1b[91m━\x1b[0m 50%",
    "\r\x1b[2K\x1b[1A\x1b[2Ksaid\r\none \x1b[91m━\x1b[0m 50%\r\ntwo \x1b[91m━\x1b[0m 50%",
    "\r\x1b[2K\x1b[1A\x1b[2Kone \x1b[91m━\x1b[0m100%\r\ntwo \x1b[91m━\x1b[0m100%\r\n\x1b[?25hend\r\n",
)
"""What rich 15 writes for two tasks of a Progress, and a print between; abridged."""
LEFT = {
    TQDM: ["before", "wrote 0", "outer: 100%| 2/2", "after"],
    RICH: ["said", "one \x1b[91m━\x1b[0m100%", "two \x1b[91m━\x1b[0m100%", "end"],
}


def test_several_bars_are_a_row_each() -> None:
    """tqdm goes up to its first bar after each drawing, rich at the next; both are rows that move."""
    lines = LineBuffer()
    for piece in TQDM[:3]:
        lines.feed(piece)
    assert lines.live == ["outer:   0%| 0/2 [00:00<?]", "inner:  20%| 1/5"]
    lines = LineBuffer()
    assert lines.feed(RICH[0]) == lines.feed(RICH[1]) == []
    assert lines.live == ["one \x1b[91m━\x1b[0m 50%", "two \x1b[91m━\x1b[0m 50%"]


@pytest.mark.parametrize("written", [TQDM, RICH], ids=["tqdm", "rich"])
@given(data=st.data())
def test_bars_leave_the_same_lines_however_they_are_cut(
    written: tuple[str, ...], data: st.DataObject
) -> None:
    """No earlier state of a bar is left, and nothing else is lost, wherever the output is cut on its way."""
    stream = "".join(written)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    lines = LineBuffer()
    shown = [
        line.text
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for line in lines.feed(stream[start:end])
    ]
    assert [*shown, *(line.text for line in lines.flush())] == LEFT[written]


def test_a_screen_that_is_cleared_loses_no_line() -> None:
    """An app that clears the screen and goes home does not take away what it had printed."""
    lines = LineBuffer()
    assert lines.feed("one\x1b[2J\x1b[5A\x1b[H\n") == [Line("one\x1b[H")]


def test_rows_that_are_held_are_bounded() -> None:
    """An app that hides the cursor and never shows it again still gets its lines out, in order."""
    lines = LineBuffer()
    written = [str(number) for number in range(3 * MOST_ROWS)]
    shown = [
        line.text for text in ("\x1b[?25l", *(f"{each}\n" for each in written)) for line in lines.feed(text)
    ]
    assert shown == written[: len(shown)]
    assert len(shown) >= 2 * MOST_ROWS
    assert lines.patience == QUIET
    assert shown + [line.text for line in lines.flush()] == written


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
