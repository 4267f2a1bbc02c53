"""A debugger that is never used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from devserver.worker.run.debugger import Debugger


class Ended(Protocol):
    """What streams and jobs tell the debugger."""

    def ended(self) -> None: ...


class FakeDebugger:
    """Never stops."""

    def ended(self) -> None:
        pass


if TYPE_CHECKING:
    _kinds: tuple[type[Ended], ...] = (Debugger, FakeDebugger)
