"""The terminal while a Worker in a debugger has it: what it prints is shown as it is, each key goes to it.

Ctrl-C is a key like any other: the Worker's own terminal makes an interrupt of it, for the Worker alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from devserver.console.terminal import SANE, Terminal

LEAVE = b"\x1c"
"""Ctrl-\\: the one key that is the console's."""

_UNSEEN = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\r")
"""What moves no cursor, or only back to the margin."""

Send = Callable[..., None]
"""Sends an order to the Master; its fields are keyword arguments."""


class Attachment:
    """Takes the terminal at once; `end` must follow. Whoever has the console draws nothing meanwhile."""

    def __init__(self, worker: int, console: Console, terminal: Terminal, send: Send) -> None:
        self.worker = worker
        self._console = console
        self._send = send
        self._size = (0, 0)
        self._begun = False
        """Whether the cursor stands in a line that is not finished."""
        console.print(banner(worker))
        terminal.raw()
        self.resize()

    def show(self, text: str) -> None:
        """Write what the Worker has printed."""
        if text:
            line = text.rpartition("\n")[2]
            self._begun = bool(_UNSEEN.sub("", line)) or (self._begun and line == text)
            self._console.file.write(text)
            self._console.file.flush()

    def resize(self) -> None:
        """Tell the Worker's terminal the size of this one, if it is news."""
        size = self._console.size
        if size != self._size:
            self._size = size
            self._send("resize", worker=self.worker, columns=size.width, rows=size.height)

    def press(self, data: bytes) -> bool:
        """Pass on what the keys sent; return whether the user wants out."""
        keys, leave, _ = data.partition(LEAVE)
        if keys:
            self._send("input", worker=self.worker, text=keys.decode("latin-1"))
        return bool(leave)

    def end(self) -> None:
        """Undo what the Worker may have left on the screen; the terminal's settings are the caller's."""
        self._console.file.write(SANE.decode() + ("\r\n" if self._begun else ""))
        self._console.file.flush()


def banner(worker: int) -> Text:
    """Return what is said before a Worker gets the terminal."""
    row = Text(f"── worker {worker} is in the debugger", style="bold yellow")
    hints = " · the server goes on · c continues · Ctrl-\\ quits"
    return row.append(hints, style="not bold yellow")
