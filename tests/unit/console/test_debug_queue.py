"""Which Worker in a debugger has the terminal."""

from __future__ import annotations

from devserver.common import events
from devserver.console.debug_queue import CUT, LONGEST_PROMPT, MOST_UNSEEN, DebugQueue


def begins(worker: int) -> events.Debugging:
    return events.Debugging(worker=worker, active=True, at=0)


def ends(worker: int) -> events.Debugging:
    return events.Debugging(worker=worker, active=False, at=0)


def prints(worker: int, text: str) -> events.Output:
    return events.Output(worker=worker, text=text, at=0)


def texts(news: list[events.Event]) -> list[str]:
    return [event.text for event in news if isinstance(event, events.Output)]


def test_without_a_debugger_all_news_pass() -> None:
    """No Worker has the terminal, nothing is held."""
    turns = DebugQueue()
    assert turns.take(prints(1, "x")) == [prints(1, "x")]
    assert turns.holder is None


def test_a_worker_in_a_debugger_has_the_terminal() -> None:
    """Its output is read where it is shown, and nowhere else; the output of others passes."""
    turns = DebugQueue()
    assert turns.take(begins(1)) == [begins(1)]
    assert turns.holder == 1
    assert turns.take(prints(1, "(Pdb) ")) == []
    assert turns.take(prints(2, "x")) == [prints(2, "x")]
    assert turns.read(1) == "(Pdb) "
    assert turns.read(1) == ""
    assert turns.take(ends(1)) == [ends(1)]
    assert turns.holder is None


def test_the_second_waits_for_the_first() -> None:
    """Turns go by arrival; what the second prints is kept for its turn."""
    turns = DebugQueue()
    for event in (begins(2), begins(1), prints(1, "(Pdb) "), begins(2)):
        turns.take(event)
    assert turns.holder == 2
    turns.take(ends(2))
    assert turns.holder == 1
    assert turns.read(1) == "(Pdb) "


def test_what_nobody_saw_is_output_like_any_other() -> None:
    """A Worker that goes on, or dies, before its turn has printed nothing in vain."""
    turns = DebugQueue()
    for event in (begins(1), prints(1, "quick"), begins(2), prints(2, "dead")):
        turns.take(event)
    assert texts(turns.take(ends(1))) == ["quick"]
    exited = events.WorkerExited(worker=2, slot=2, generation=1, pid=7, reason="SIGKILL", planned=False)
    news = turns.take(exited)
    assert texts(news) == ["dead"]
    assert news[-1] is exited
    assert turns.holder is None


def test_a_stop_ends_all_turns() -> None:
    """When the server stops no Worker has the terminal, nor gets it."""
    turns = DebugQueue()
    for event in (begins(1), prints(1, "a"), begins(2), prints(2, "b")):
        turns.take(event)
    assert texts(turns.take(events.Stopping(reason="SIGINT"))) == ["a", "b"]
    turns.take(begins(3))
    assert turns.holder is None
    assert turns.take(prints(3, "x")) == [prints(3, "x")]


def test_the_prompt_is_shown_again_after_a_pause() -> None:
    """The unfinished line that stood on the screen comes first when the terminal is given back."""
    turns = DebugQueue()
    for event in (begins(1), prints(1, "a\r\n(Pd")):
        turns.take(event)
    assert turns.read(1) == "a\r\n(Pd"
    turns.take(prints(1, "b) "))
    assert turns.read(1) == "b) "
    turns.pause(1)
    turns.take(prints(1, "more"))
    assert turns.read(1) == "(Pdb) more"
    turns.take(prints(1, "x" * 2 * LONGEST_PROMPT))
    turns.read(1)
    turns.pause(1)
    assert turns.read(1) == "x" * LONGEST_PROMPT


def test_what_is_kept_is_bounded() -> None:
    """A waiting Worker that prints without end keeps its newest, and reports that its beginning is gone."""
    turns = DebugQueue()
    for event in (begins(1), begins(2)):
        turns.take(event)
    for number in range(10_000):
        turns.take(prints(2, f"line {number}\r\n"))
    turns.take(ends(1))
    text = turns.read(2)
    assert text.startswith(CUT)
    assert text.endswith("line 9999\r\n")
    assert len(text) <= MOST_UNSEEN


def test_without_a_terminal_there_are_no_turns() -> None:
    """Where no key can be read no Worker gets the terminal."""
    turns = DebugQueue(closed=True)
    turns.take(begins(1))
    assert turns.take(prints(1, "(Pdb) ")) == [prints(1, "(Pdb) ")]
