"""Notifies the user when the state turns bad, or good again: with the bell, or with OSC 9."""

from __future__ import annotations

from typing import IO

from devserver.common.console_settings import Notify
from devserver.console.headline import Headline, Mood

WORTH: dict[Mood, bool] = {"good": True, "warning": True, "bad": True, "waiting": False, "over": False}


class Notification:
    """Notifies when the headline's mood changes; the mood at the start counts as good."""

    def __init__(self, file: IO[str], how: Notify) -> None:
        self._file = file
        self._how = how
        self._mood: Mood = "good"

    def update(self, line: Headline) -> None:
        """Compare the headline with the last one."""
        if not WORTH[line.mood] or line.mood == self._mood:
            return
        self._mood = line.mood
        if self._how == "bell" and line.mood != "good":
            self._write("\a")
        elif self._how == "osc9":
            text = "".join(letter if letter.isprintable() else " " for letter in line.title)
            self._write(f"\x1b]9;{text}\a")

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()
