"""The terminal's title: saved at the start, set on change, restored at the end."""

from __future__ import annotations

from typing import IO

SAVE, RESTORE = "\x1b[22;2t", "\x1b[23;2t"
"""XTWINOPS: the title goes on a stack of the terminal's, and comes back."""
WITHOUT = ("linux", "dumb", "unknown", "cons25", "vt", "sun", "eterm")
"""How the names of terminals begin that show no title, or would show what sets it."""


class Title:
    """Written only on change. `term` is $TERM."""

    def __init__(self, file: IO[str], term: str) -> None:
        self._file = file
        self._able = bool(term) and not term.startswith(WITHOUT)
        self._shown = ""

    def show(self, text: str) -> None:
        """Make `text` the title."""
        if self._able and text != self._shown:
            save = "" if self._shown else SAVE
            self._shown = text
            safe = "".join(letter if letter.isprintable() else " " for letter in text)
            self._file.write(f"{save}\x1b]2;{safe}\x07")
            self._file.flush()

    def restore(self) -> None:
        """Restore the saved title."""
        if self._shown:
            self._shown = ""
            self._file.write(RESTORE)
            self._file.flush()
