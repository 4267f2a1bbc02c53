"""The terminal while a Worker in a debugger has it."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from devserver.console.debug_terminal import DebugTerminal, banner
from devserver.console.model import Prompt
from devserver.reporting.terminal import SANE, Terminal

PROMPT = Prompt(worker=3, since=0)
Sent = list[tuple[str, dict[str, Any]]]


class Screen(io.StringIO):
    """What was written."""

    def take(self) -> str:
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    master, slave = pty.openpty()
    yield Terminal(slave)
    os.close(master)
    os.close(slave)


def attached(terminal: Terminal, screen: Screen) -> tuple[DebugTerminal, Sent]:
    sent: Sent = []
    console = Console(file=screen, width=80, height=24, color_system=None)
    return DebugTerminal(
        PROMPT, console, terminal, lambda order, **fields: sent.append((order, fields))
    ), sent


def test_it_begins_with_what_has_happened_and_how_to_go_on(terminal: Terminal) -> None:
    """The first line shows who has the terminal and which keys matter; the Worker learns the size."""
    screen = Screen()
    _, sent = attached(terminal, screen)
    assert screen.take() == f"{banner(PROMPT).plain}\n"
    assert sent == [("resize", {"worker": 3, "columns": 80, "rows": 24})]
    assert len(banner(PROMPT).plain) <= 80
    assert banner(PROMPT, 40).plain.endswith(" · ^] out")
    assert len(banner(PROMPT, 40).plain) <= 40


@pytest.mark.parametrize("key", [b"q", b"\x03", b"\x1a", b"\x1b[A", b"\xff"])
def test_keys_are_passed_on(terminal: Terminal, key: bytes) -> None:
    """No key but one has a meaning here."""
    attachment, sent = attached(terminal, Screen())
    assert not attachment.press(key)
    assert sent[1:] == [("input", {"worker": 3, "text": key.decode("latin-1")})]


def test_one_key_leads_out(terminal: Terminal) -> None:
    """Ctrl-backslash is never the Worker's; what was typed before it is."""
    attachment, sent = attached(terminal, Screen())
    assert attachment.press(b"c\r\x1cq")
    assert sent[1:] == [("input", {"worker": 3, "text": "c\r"})]


@pytest.mark.parametrize(
    ("texts", "after"),
    [
        ((), ""),
        (("c\r\n",), ""),
        (("c\r\n\x1b[?2004l\r",), ""),
        (("(Pdb) ",), "\r\n"),
        (("(Pdb) ", "\x1b[?2004l"), "\r\n"),
        (("\x1b[31m(Pdb)", "\r\n\x1b[0m"), ""),
    ],
)
def test_it_ends_on_a_line_of_its_own(terminal: Terminal, texts: tuple[str, ...], after: str) -> None:
    """What comes next begins in the first column, with no empty line between."""
    screen = Screen()
    attachment, _ = attached(terminal, screen)
    screen.take()
    for text in texts:
        attachment.show(text)
    assert screen.take() == "".join(texts)
    attachment.end()
    assert screen.take() == SANE.decode() + after
