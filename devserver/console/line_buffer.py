"""The app's output, cut into lines as a terminal would show them; pure.

No output is lost or reordered: a line waits for its end, or for a moment of quiet (a prompt, dots). Rows that
draw over themselves (progress bars) are *live*. They are complete, in their last state, once nothing can draw
over them any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

QUIET = 0.15
"""Seconds without news after which an unfinished line is shown."""

QUIET_REDRAWN = 1.0
"""The same below rows to which the cursor has gone up: it may do so again."""

LONGEST = 16 * 1024
"""Characters after which a line is shown unfinished."""

MOST_ROWS = 200
"""Rows that are held, because the app may draw over them."""

FEW = 2
"""Lines below a bar after which it has ended."""

_MOVES = re.compile(r"\x1b\[([0-9]*)([ABEFGJK])|\x1b\[\?25([hl])|\r|\n")
_CUT = re.compile(r"\x1b(?:\[[0-9?]*)?\Z")
"""The beginning of a control sequence whose rest is on its way."""
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


class Line(NamedTuple):
    """`continues`: its beginning was shown before."""

    text: str
    continues: bool = False


@dataclass(slots=True)
class _Row:
    """`redrawn`: something has drawn over it. `begun`: its beginning was shown before."""

    text: str = ""
    redrawn: bool = False
    begun: bool = False

    @property
    def blank(self) -> bool:
        return not _COLOUR.sub("", self.text).strip()


class LineBuffer:
    """The lines of one Worker."""

    def __init__(self) -> None:
        self._rows = [_Row()]
        self._cursor = 0
        """The row in which the cursor stands."""
        self._at_start = True
        """Whether it stands at the row's start."""
        self._returned = False
        """Whether a carriage return brought it there."""
        self._rose = False
        """Whether it went up to where it is: what stands above is complete."""
        self._rises = False
        """Whether it ever went up among these rows."""
        self._hidden = False
        """Whether it is hidden, as those do who draw over rows."""
        self._rest = ""

    @property
    def patience(self) -> float | None:
        """Seconds of quiet after which to `flush`; None when nothing is held, or it is live."""
        if self.rests:
            return QUIET_REDRAWN if self._rises else QUIET
        held = len(self._rows) > 1 or self._rows[0].text or self._rest
        return None if self._is_live or not held else QUIET

    @property
    def rests(self) -> bool:
        """Whether rows are held that seem to be complete."""
        below = self._cursor == len(self._rows) - 1 and not self._rows[-1].text and not self._rest
        return below and len(self._rows) > 1

    @property
    def live(self) -> list[str]:
        """Return the rows that the app may draw over, as they are now."""
        if not self._is_live:
            return []
        return [row.text for row in self._rows if row.text and not row.blank]

    @property
    def _is_live(self) -> bool:
        return self._hidden or self._cursor < len(self._rows) - 1 or any(row.redrawn for row in self._rows)

    def feed(self, text: str) -> list[Line]:
        """Return the lines that are complete now."""
        text = self._rest + text
        cut = _CUT.search(text)
        self._rest = text[cut.start() :] if cut else ""
        text = text[: cut.start()] if cut else text
        lines: list[Line] = []
        done = 0
        for move in _MOVES.finditer(text):
            self._write(text[done : move.start()], lines)
            self._move(move, lines)
            done = move.end()
        self._write(text[done:], lines)
        lines += self._take(self._complete())
        if len(self._rows[self._cursor].text) > LONGEST:
            lines += self.flush()
        return lines

    def flush(self) -> list[Line]:
        """Return the held text as it is."""
        self._rows[self._cursor].text += self._rest
        self._rest = ""
        last = self._rows[-1]
        lines = self._take(len(self._rows) - 1)
        if last.text and not (last.redrawn and last.blank):
            lines.append(Line(last.text, last.begun))
            self._rows = [_Row(begun=True)]
        elif last.redrawn:
            self._rows = [_Row(begun=last.begun)]
        self._cursor, self._rises = 0, False
        return lines

    def _write(self, text: str, lines: list[Line]) -> None:
        if not text:
            return
        row = self._rows[self._cursor]
        if self._at_start and _COLOUR.sub("", text):
            self._settle_above(lines)
            row.redrawn |= bool(row.text) or self._returned
            row.text, self._at_start, self._returned = "", False, False
        row.text += text

    def _settle_above(self, lines: list[Line]) -> None:
        """Take the rows above the cursor, if it went up to here and no further."""
        if self._rose:
            self._rose = False
            lines += self._take(self._cursor)

    def _move(self, move: re.Match[str], lines: list[Line]) -> None:
        count, what, hides = int(move[1] or 0), move[2], move[3]
        if move[0] == "\n":
            self._settle_above(lines)
            self._down(1)
            self._at_start, self._returned = True, False
        elif move[0] == "\r" or what == "G":
            self._at_start = self._returned = True
        elif what in ("A", "F"):
            self._up(count or 1)
            self._at_start |= what == "F"
        elif what in ("B", "E"):
            self._down(min(count or 1, MOST_ROWS))
            self._at_start |= what == "E"
        elif what in ("J", "K"):
            self._erase(what, count)
        else:
            self._hidden = hides == "l"
            if not self._hidden:
                self._rises = False
                for row in self._rows:
                    row.redrawn &= row.blank

    def _erase(self, what: str, how: int) -> None:
        """Erase the row, if all of it, and what is below; but a cleared screen loses no line."""
        row = self._rows[self._cursor]
        if (how == 0 and self._at_start) or (what == "K" and how):
            row.redrawn |= bool(row.text)
            row.text = ""
        if what == "J" and how == 0:
            del self._rows[self._cursor + 1 :]

    def _up(self, count: int) -> None:
        missing = min(count - self._cursor, MOST_ROWS)
        if missing > 0:  # what was there is complete; a line that only draws itself means nothing by it
            if not self._rows[self._cursor].redrawn:
                count = self._cursor
            else:
                self._rows[:0] = [_Row(redrawn=True) for _ in range(missing)]
                self._cursor += missing
        if count:
            self._rose = self._rises = True
            self._cursor = max(0, self._cursor - count)

    def _down(self, count: int) -> None:
        for _ in range(count):
            self._cursor += 1
            if self._cursor == len(self._rows):
                self._rows.append(_Row())

    def _complete(self) -> int:
        """Return how many rows, from the first one on, nothing will draw over."""
        while len(self._rows) > self._cursor + 1 and self._rows[-1].blank:
            self._rows.pop()
        most = max(0, min(self._cursor, len(self._rows) - MOST_ROWS))
        if self._hidden or self._rose:
            return most
        drawn = [number for number, row in enumerate(self._rows) if row.redrawn]
        ended = self._cursor == len(self._rows) - 1
        if ended and (not drawn or self._cursor - drawn[-1] > FEW):
            return self._cursor
        return max(most, min([self._cursor, *drawn[:1]]))

    def _take(self, count: int) -> list[Line]:
        taken, self._rows = self._rows[:count], self._rows[count:]
        self._cursor = max(0, self._cursor - count)
        lines = []
        for row in taken:
            shown = row.text.rstrip() if row.redrawn else row.text
            if not (row.redrawn and row.blank) and (shown or not row.begun):
                lines.append(Line(shown, row.begun))
        return lines
