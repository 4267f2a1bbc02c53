"""Decides which WebSockets newer code may resume.

Law: a path on which the live code cannot resume WebSockets is remembered until newer code is live.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devserver.common import events
from devserver.common.events import Event


class Resumption:
    """`enabled` is the user's setting."""

    def __init__(self, enabled: bool, emit: Callable[[Event], None]) -> None:
        self._enabled = enabled
        self._emit = emit
        self._live = 0
        self._barred: set[str] = set()

    def may_resume(self, scope: dict[str, Any]) -> bool:
        """Return whether newer code may resume this WebSocket: Engine.IO has sessions of its own."""
        return self._enabled and b"EIO=" not in scope["query_string"]

    def is_barred(self, path: str) -> bool:
        """Return whether the live code is known not to resume WebSockets of this path."""
        return path in self._barred

    def bar(self, path: str, why: str, generation: int) -> None:
        """Close other WebSockets of this path with 1012, as long as that code is the newest."""
        if generation < self._live or path in self._barred:
            return
        self._barred.add(path)
        text = (
            f"WebSocket {path} could not go on with the new code, which {why}: until newer code is live, "
            "others of this path are closed with 1012 instead of resumed"
        )
        self._emit(events.Notice(level="warning", text=text))

    def on_code_live(self, generation: int) -> None:
        """Newer code may resume WebSockets of every path."""
        self._live = generation
        self._barred.clear()
