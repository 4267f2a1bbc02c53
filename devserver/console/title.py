"""The terminal's title: saved at the start, set on change, restored at the end."""

from __future__ import annotations

from typing import IO

SAVE, RESTORE = "\x1b[22;2t", "\x1b[23;2t"
"""XTWINOPS: push the title on the terminal's stack, and pop it."""
WITHOUT = ("linux", "dumb", "unknown", "cons25", "vt", "sun", "eterm")
"""Prefixes of $TERM of terminals that show no title, or would print the sequence that sets it."""


class Title:
    """Writes the title on change only. `term` is $TERM."""

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
