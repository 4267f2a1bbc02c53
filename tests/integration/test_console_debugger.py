"""The console's terminal while a Worker is in a debugger."""

from __future__ import annotations

import json
import signal
import termios
from collections.abc import Iterator
from typing import Any

import pytest

from devserver.common import events
from tests.screen import HEIGHT, SERVER, WIDTH, Session

LFLAG = 3
PROMPT = "> handlers.py(4)on_receive()\r\n(Pdb) "


def order(session: Session) -> dict[str, Any]:
    """Return the next order of the console's."""
    line = b""
    while not line.endswith(b"\n"):
        line += session.link.recv(1)
    read: dict[str, Any] = json.loads(line)
    return read


@pytest.fixture
def console() -> Iterator[Session]:
    with Session() as session:
        session.send(*SERVER)
        session.see("r reload · q quit")
        session.send(events.Debugging(worker=1, active=True), events.Output(worker=1, text=PROMPT))
        session.see("worker 1 is in the debugger", "(Pdb)")
        assert order(session) == {"order": "resize", "worker": 1, "columns": WIDTH, "rows": HEIGHT}
        yield session


def test_every_key_goes_to_the_debugger(console: Session) -> None:
    """`q`, Ctrl-C, arrows and bytes that are no text reach the Worker as they are, and order nothing."""
    keys = b"rq\x03\x1a\x1b[A\r\xff\xc3\xa4"
    console.type(keys)
    got = b""
    while len(got) < len(keys):
        news = order(console)
        assert (news["order"], news["worker"]) == ("input", 1)
        got += news["text"].encode("latin-1")
    assert got == keys
    assert not console.settings[LFLAG] & (termios.ISIG | termios.ECHO)


def test_what_the_debugger_prints_is_shown_as_it_is(console: Session) -> None:
    """Colours, moves and half lines of the debugger are the terminal's affair."""
    console.raw = b""
    console.send(events.Output(worker=1, text="p x\r\n\x1b[31mred\x1b[0m\x1b[2D"))
    console.read_until(lambda: console.raw == b"p x\r\n\x1b[31mred\x1b[0m\x1b[2D")


def test_all_else_is_shown_afterwards(console: Session) -> None:
    """Others' output and reports wait meanwhile; then they are there, with the dashboard below."""
    console.send(
        events.WorkerStarted(worker=2, slot=2, generation=1, pid=4714),
        events.Output(worker=2, text="of another\r\n"),
        events.Notice(level="warning", text="a sentence"),
        events.Output(worker=1, text="c\r\n"),
    )
    console.see("(Pdb) c")
    assert "of another" not in console.text
    console.send(
        events.Debugging(worker=1, active=False),
        events.Output(worker=1, text="after\r\n"),
        events.Stopped(code=0),
    )
    console.see("2 │ of another", "a sentence", "1 │ after", "STOPPED")
    lines = console.scrolled
    assert lines.index("(Pdb) c") < lines.index("2 │ of another") < lines.index("warning: a sentence")
    assert console.settings[LFLAG] & termios.ISIG


def test_too_much_to_hold_is_reported(console: Session) -> None:
    """Who stays long at a breakpoint while others print a lot sees the newest of it, and how much is gone."""
    text = "".join(f"line {number}\r\n" for number in range(5_000))
    console.send(
        *(events.Output(worker=2, text=text[start : start + 4096]) for start in range(0, len(text), 4096))
    )
    console.send(events.Debugging(worker=1, active=False))
    console.see("2 │ line 4999", "r reload · q quit")
    shown = [line for line in console.scrolled if line.startswith("2 │ line")]
    assert shown == [f"2 │ line {number}" for number in range(5_000 - len(shown), 5_000)]
    assert f"… dropped {5_000 - len(shown):,} earlier lines" in console.scrolled


def test_after_a_while_in_the_background_the_prompt_is_there_again(console: Session) -> None:
    """Stopped and continued, the debugger has the terminal as before, its prompt included."""
    console.process.send_signal(signal.SIGTSTP)  # there is no shell: nothing stops, all else happens
    console.read_until(lambda: console.text.count("worker 1 is in the debugger") == 2)
    console.read_until(lambda: console.text.count("(Pdb)") == 2)
    assert order(console)["order"] == "resize"
    console.read_until(lambda: not console.settings[LFLAG] & termios.ISIG)


def test_a_resize_reaches_the_debugger(console: Session) -> None:
    """The debugger learns the terminal's new size."""
    console.resize(100, 30)
    console.process.send_signal(signal.SIGWINCH)
    assert order(console) == {"order": "resize", "worker": 1, "columns": 100, "rows": 30}


def test_ctrl_backslash_asks_for_a_stop(console: Session) -> None:
    """The way out that no debugger can hold: the dashboard is back at once, and the server stops."""
    console.type(b"\x1c")
    assert order(console) == {"order": "stop"}
    console.see("r reload · q quit")
    console.send(events.Debugging(worker=2, active=True), events.Connections(open=77, waiting=0))
    console.see("77 connections")


def test_the_server_s_death_gives_the_terminal_back(console: Session) -> None:
    """When the server is killed while a user debugs, the terminal is as it was."""
    console.link.close()
    assert console.end() == 0
    assert console.settings == console.before
    assert "it was killed, or it crashed" in console.text
