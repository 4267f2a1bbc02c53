"""The app's output, cut into lines as a terminal would show them; pure.

No output is lost or reordered: a line waits for its end, or for a moment of quiet (a prompt, dots).
"""

from __future__ import annotations

from typing import NamedTuple

QUIET = 0.15
"""Seconds without news after which an unfinished line is shown."""

QUIET_REDRAWN = 1.0
"""The same for a line that draws over itself (a progress bar), so that it does not flood the screen."""

LONGEST = 16 * 1024
"""Characters after which a line is shown unfinished."""


class Line(NamedTuple):
    """`continues`: its beginning was shown before."""

    text: str
    continues: bool = False


class LineBuffer:
    """The lines of one Worker."""

    def __init__(self) -> None:
        self._partial = ""
        self._begun = False
        self._redrawn = False

    @property
    def patience(self) -> float | None:
        """Seconds of quiet after which to `flush`; None when nothing is held."""
        if not self._partial:
            return None
        return QUIET_REDRAWN if self._redrawn else QUIET

    def feed(self, text: str) -> list[Line]:
        """Return the lines that are complete now."""
        *complete, rest = (self._partial + text).split("\n")
        lines: list[Line] = []
        for each in complete:
            shown = _overwritten(each).rstrip("\r")
            if shown or not self._begun:
                lines.append(Line(shown, self._begun))
            self._begun = self._redrawn = False
        self._partial = _overwritten(rest)
        self._redrawn = self._redrawn or len(self._partial) < len(rest)
        if len(self._partial) > LONGEST:
            lines += self.flush()
        return lines

    def flush(self) -> list[Line]:
        """Return the held text as it is."""
        text, self._partial = self._partial.rstrip("\r"), ""
        if not text:
            return []
        lines = [Line(text, self._begun)]
        self._begun = True
        return lines


def _overwritten(text: str) -> str:
    """Return the visible rest of `text` after its carriage returns; a last one may be half of CR LF."""
    return text[text.rstrip("\r").rfind("\r") + 1 :]
