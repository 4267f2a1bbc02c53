"""Decides which listeners are open, by the command and the live code.

HTTP and named addresses are open from the beginning; the default TCP port while the code serves TCP.
"""

from __future__ import annotations

from collections.abc import Callable

from devserver.common import events
from devserver.common.events import Event, Listener
from devserver.config import Config
from devserver.master.listen.listeners import Factories, Listeners


class ListenPolicy:
    """Opens and closes listeners, and reports it."""

    def __init__(self, config: Config, factories: Factories, emit: Callable[[Event], None]) -> None:
        self._listeners = Listeners(config.listen, factories, self._on_plain_http)
        self._emit = emit
        self._plain_reported = False
        self._remark = ""

    @property
    def all(self) -> tuple[Listener, ...]:
        """Return the open listeners, with real ports."""
        return self._listeners.all

    async def open_first(self) -> None:
        """Open the named addresses, and HTTP: requests wait for the first code. Raises UsageError.

        Nothing is reported yet, so a failed start reports one sentence only.
        """
        self._remark = await self._listeners.open_first()

    def announce(self) -> None:
        """Report the open listeners."""
        self._report(self._remark)

    async def follow(self, tcp: bool) -> None:
        """Open or close the default TCP listener: `tcp` is whether the live code serves TCP. Raises
        ListenError.
        """
        is_open = any(listener.kind == "tcp" for listener in self.all)
        if not self._listeners.by_default or tcp == is_open:
            return
        if tcp:
            self._report(await self._listeners.open_tcp())
        else:
            self._listeners.close(kinds=("tcp",))
            self._report("")

    def close(self) -> None:
        """Stop accepting; connections stay open."""
        self._listeners.close()

    def _on_plain_http(self) -> None:
        """Report once that a client speaks plain HTTP to the TLS port: the client cannot read our answer."""
        if not self._plain_reported:
            self._plain_reported = True
            where = next((str(each) for each in self.all if each.kind == "https"), "")
            text = f"a client speaks HTTP to the HTTPS port: open {where}"
            self._emit(events.Notice(level="warning", text=text))

    def _report(self, remark: str) -> None:
        if remark:
            self._emit(events.Notice(level="warning", text=remark))
        self._emit(events.Listening(listeners=self.all))
