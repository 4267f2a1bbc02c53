"""The terminal while a Worker at a prompt has it: its output is shown unchanged, and it gets each key.

Ctrl-C is a key like any other: the Worker's own terminal turns it into a SIGINT for that Worker only.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from devserver.common import events
from devserver.console import failure_view
from devserver.console.model import Prompt
from devserver.reporting import plain
from devserver.reporting.terminal import SANE, Terminal

STOP, AWAY = b"\x1c", b"\x1d"
"""Ctrl-\\ and Ctrl-]: the two keys that the console handles."""

_SCREEN = re.compile(r"\x1b\[\?(?:1049|1047|47)([hl])")
"""Switches to the alternate screen, and back."""

_UNSEEN = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\r")
"""Control sequences that leave the cursor where it is, or move it to the margin."""

Send = Callable[..., None]
"""Sends an order to the Master; its fields are keyword arguments."""


class DebugTerminal:
    """Takes the terminal at once, until `end`. The caller draws nothing meanwhile."""

    def __init__(self, prompt: Prompt, console: Console, terminal: Terminal, send: Send) -> None:
        self.worker = prompt.worker
        self._console = console
        self._send = send
        self._size = (0, 0)
        self._begun = False
        """Whether the cursor is in an unfinished line."""
        self._full = False
        """Whether the Worker uses the alternate screen."""
        self._noted = False
        """Whether a line of ours is shown beneath the prompt."""
        console.print(banner(prompt, console.width), overflow="crop", no_wrap=True)
        terminal.raw()
        self.resize()

    def show(self, text: str) -> None:
        """Write the Worker's output."""
        if text:
            line = text.rpartition("\n")[2]
            self._begun = bool(_UNSEEN.sub("", line)) or (self._begun and line == text)
            if found := _SCREEN.findall(text):
                self._full = found[-1] == "h"
            if self._noted and "\n" in text:
                self._noted = False
                self._write("\x1b7\n\r\x1b[2K\x1b8")
            self._write(text)

    def note(self, text: str) -> None:
        """Show one line beneath the prompt, and leave the prompt as it is."""
        if not self._full:
            self._noted = True
            line = failure_view.printable(text)[: self._console.size.width - 1]
            # A line feed makes room at the foot of the screen; the cursor is saved only then.
            self._write(f"\n\x1b[A\x1b7\n\r\x1b[2K\x1b[2m{line}\x1b[0m\x1b8")

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()

    def resize(self) -> None:
        """Give the Worker's terminal the size of this one, if it has changed."""
        size = self._console.size
        if size != self._size:
            self._size = size
            self._send("resize", worker=self.worker, columns=size.width, rows=size.height)

    def press(self, data: bytes) -> bytes:
        """Send the keys' bytes to the Worker; return the console's key among them, if there is one."""
        keys = re.split(b"[" + re.escape(STOP + AWAY) + b"]", data, maxsplit=1)[0]
        if keys:
            self._send("input", worker=self.worker, text=keys.decode("latin-1"))
        return data[len(keys) : len(keys) + 1]

    def end(self) -> None:
        """Reset what the Worker may have left on the screen; the caller restores the terminal's settings."""
        self._send("resize", worker=self.worker, columns=0, rows=0)
        below = "\x1b7\n\r\x1b[2K\x1b8" if self._noted else ""
        self._write(below + SANE.decode() + ("\r\n" if self._begun else ""))


def note(event: events.Event, root: str) -> str:
    """Return the line beneath a prompt on the result of a save; other Workers may run it already."""
    match event:
        case events.Live() if event.edit:
            return "  the save is live in the other workers"
        case events.Refused() if event.live:
            return f"  {plain.line(event, root) or ''}".partition("\n")[0]
    return ""


def banner(prompt: Prompt, width: int = 80) -> Text:
    """Return the line to show before a Worker gets the terminal."""
    does = "is in the debugger" if prompt.how == "debugger" else "reads its terminal"
    row = Text(f"── worker {prompt.worker} {does}", style="bold yellow")
    keys = " · ^] dashboard · ^\\ quit"
    hints = (f" · the server goes on{keys}", keys, " · ^] out")
    fitting = (hint for hint in hints if cell_len(row.plain + hint) <= width)
    return row.append(next(fitting, hints[-1]), style="not bold yellow")
