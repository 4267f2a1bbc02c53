"""Which listeners are open, as the command and the code ask for it.

Addresses named in the command are open from the beginning; the default one while the code serves its kind.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from devserver import events
from devserver.config import Config
from devserver.events import Event, Listener
from devserver.master.listeners import Factory, Listeners


class Doors:
    """Opens and closes, and says so."""

    def __init__(self, config: Config, factory: Factory, emit: Callable[[Event], None]) -> None:
        self._target = config.target.path
        self._listeners = Listeners(config.listen, factory)
        self._emit = emit

    @property
    def all(self) -> tuple[Listener, ...]:
        """Return what is open, with real ports."""
        return self._listeners.all

    async def open_explicit(self) -> None:
        """Open what the command names, and say nothing yet. Raises ListenError."""
        await self._listeners.open_explicit()

    def announce(self) -> None:
        """Say what is open by now."""
        if self.all:
            self._emit(events.Listening(listeners=self.all))

    async def follow(self, tcp: bool) -> None:
        """Open or close the default TCP listener, as the live code serves TCP or not. Raises ListenError."""
        if not self._listeners.by_default or tcp == bool(self.all):
            return
        if not tcp:
            self._listeners.close()
        elif remark := await self._listeners.open_default():
            self._emit(events.Notice(level="warning", text=remark))
        self._emit(events.Listening(listeners=self.all))

    async def expect(self) -> None:
        """The first start has failed: if the target seems to serve TCP, its clients may connect and wait."""
        try:
            text = Path(self._target).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        if "def on_receive" in text:
            await self.follow(True)

    def close(self) -> None:
        """Stop accepting; connections live on."""
        self._listeners.close()
