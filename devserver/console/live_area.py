"""The area at the foot of the terminal that holds the dashboard, below the scrollback; owns rich's Live."""

from __future__ import annotations

import os
from collections.abc import Callable

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment

from devserver.console import letters


class LiveArea:
    """Draws `render(width, height)` at the terminal's present size until `lift`. Printed lines appear above
    it.
    """

    def __init__(self, console: Console, render: Callable[[int, int], RenderableType]) -> None:
        self._console = console
        self._render = render
        self._letters = letters.can_show(console.encoding, os.environ.get("TERM", ""))
        self._size = console.size
        self._widths: list[int] = []
        """The widths of the lines that are drawn now."""
        self._live = Live(
            self,
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()

    @property
    def outgrown(self) -> bool:
        """Return whether the terminal's size has changed since the last drawing."""
        return self._console.size != self._size

    def refresh(self) -> None:
        """Draw it again."""
        self._live.refresh()

    def clear(self) -> None:
        """Clear the screen and its history; the dashboard is drawn at the top."""
        self._live.stop()
        self._console.file.write("\x1b[H\x1b[2J\x1b[3J")
        self._widths = []
        self._live.start()

    def lift(self) -> None:
        """Remove it from the screen."""
        self.adapt_to_size()
        self._live.stop()

    def adapt_to_size(self) -> None:
        """Adapt to a resize: most terminals have wrapped the lines, so there are more rows than Live knows
        of.
        """
        size, self._size = self._console.size, self._console.size
        folded = sum(max(1, -(-width // size.width)) for width in self._widths)
        height = len(self._widths)
        if folded > height:
            # Row by row: tmux keeps in its history what one sequence erases from the top of the screen.
            down = f"\x1b[{height - 1}B" if height > 1 else ""
            self._console.file.write("\r\x1b[J" + "\x1b[1A\x1b[2K" * (folded - 1) + down)
            self._console.file.flush()
            self._widths = [0] * height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = console.size
        lines = console.render_lines(self._render(width, height), options, pad=False)
        if not self._letters:
            lines = [list(letters.plain(line)) for line in lines]
        self._widths = [Segment.get_line_length(line) for line in lines]
        for line in lines:
            yield from line
            yield Segment.line()
