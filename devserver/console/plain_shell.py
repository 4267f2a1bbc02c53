"""The console of `--plain` on a terminal: plain lines, and the terminal for a Worker at a prompt.

Law: it draws nothing, reads keys for a prompt only, and does nothing while idle.
"""

from __future__ import annotations

from devserver.common import events
from devserver.console.shell import MOST_HELD, Shell
from devserver.console.update import apply
from devserver.reporting import plain


class PlainShell(Shell):
    """Writes plain lines; holds them while a Worker has the terminal."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._lines: list[str] = []
        self._dropped = 0

    def _wanted(self) -> int | None:
        return self._debug_queue.holder

    def _patience(self) -> float | None:
        return super()._patience() if self._debug_queue.holder is not None else None

    def _lift(self) -> None:
        super()._lift()
        if self._terminal is not None:
            self._terminal.restore()

    def _keep(self, event: events.Event) -> None:
        self._view = apply(self._view, event)
        text = (
            None
            if isinstance(event, events.Debugging) and self._terminal
            else plain.line(event, self._view.root)
        )
        if text is None:
            return
        self._lines.append(text if isinstance(event, events.Output) else f"{text}\n")
        if self._debug_terminal is None:
            self._draw()
        elif len(self._lines) > MOST_HELD:
            self._dropped += len(self._lines) - MOST_HELD
            del self._lines[:-MOST_HELD]

    def _draw(self) -> None:
        if self._debug_terminal is not None:
            return
        lines, self._lines = self._lines, []
        if self._dropped:
            lines.insert(0, f"{plain.PREFIX}lost: {self._dropped} lines, because a worker was at a prompt\n")
            self._dropped = 0
        if lines:
            self._console.file.write("".join(lines))
            self._console.file.flush()
