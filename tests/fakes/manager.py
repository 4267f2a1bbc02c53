"""A Manager without a process: it keeps what it is sent, and ends when the test lets it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

from devserver.ipc.messages import Imported, ModuleNote, Reload, Surroundings, ToManager
from devserver.master.supervision.manager import Manager, ManagerFact


class FakeManager(Manager):
    """A Manager that orders nothing of anybody."""

    _numbers = count(1)

    def __init__(
        self,
        report: Callable[[ManagerFact], None] = lambda _fact: None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.preloaded = False
        self.sent: list[ToManager] = []
        self.fate = ""
        """How it was ended: "discarded", "killed", or "" if it was not."""
        self.has_gone = False
        self._pid = next(self._numbers)

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def gone(self) -> bool:
        return self.has_gone

    def send(self, message: ToManager) -> None:
        self.sent.append(message)

    def watch(self, due: Callable[[], bool]) -> None:
        pass

    def expect(self) -> None:
        pass

    def discard(self) -> None:
        self.fate = "discarded"

    def kill(self) -> None:
        self.fate = "killed"

    def received(self, kind: type[Any]) -> list[Any]:
        """Return the messages of one kind that it was sent."""
        return [message for message in self.sent if isinstance(message, kind)]

    @property
    def ordered(self) -> list[int]:
        """Return the generations that it was ordered to boot."""
        return [order.generation for order in self.received(Reload)]


def imported(
    *names: str,
    generation: int = 1,
    environment: dict[str, str | None] | None = None,
    installed_ms: float = 300.0,
) -> Imported:
    """Return the report of a Worker that has imported these modules in this environment."""
    notes = tuple(ModuleNote(name, f"/site-packages/{name}.py") for name in names)
    return Imported(1, generation, notes, (Surroundings(environment or {}),), installed_ms=installed_ms)
