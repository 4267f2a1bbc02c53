"""A Manager without a process: it keeps what it is sent, and ends when the test lets it.

FakeManagers carries out what is decided about Managers, and its timers on a loop of fakes/clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from devserver.ipc.messages import Imported, ModuleNote, Reload, Surroundings, ToManager
from devserver.master.supervision.commands import Command, DiscardManager, EndManager, Later, SendTo
from devserver.master.supervision.manager import Manager, ManagerFact


class FakeManager(Manager):
    """A Manager that orders nothing of anybody."""

    def __init__(
        self,
        number: int,
        report: Callable[[ManagerFact], None] = lambda _fact: None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.number = number
        self.sent: list[ToManager] = []
        self.fate = ""
        """How it was ended: "discarded", "killed", or "" if it was not."""

    @property
    def pid(self) -> int:
        return 100 + self.number

    def send(self, message: ToManager) -> None:
        self.sent.append(message)

    def discard(self) -> None:
        self.fate = "discarded"

    def kill(self) -> None:
        self.fate = "killed"

    def give_up(self, why: str) -> None:
        self.fate = f"given up: {why}"

    def received(self, kind: type[Any]) -> list[Any]:
        """Return the messages of one kind that it was sent."""
        return [message for message in self.sent if isinstance(message, kind)]

    @property
    def ordered(self) -> list[int]:
        """Return the generations that it was ordered to boot."""
        return [order.generation for order in self.received(Reload)]


class FakeManagers:
    """Starts fake Managers; `on_time` takes the facts of timers."""

    def __init__(self, on_time: Callable[[Any], None] = lambda _fact: None) -> None:
        self.all: list[FakeManager] = []
        self.starts = True
        self._on_time = on_time

    def start(self) -> int | None:
        if not self.starts:
            return None
        self.all.append(FakeManager(len(self.all) + 1))
        return self.all[-1].number

    def do(self, command: Command) -> None:
        """Carry out a command."""
        match command:
            case SendTo(number, message):
                self.all[number - 1].send(message)
            case EndManager(number):
                self.all[number - 1].kill()
            case DiscardManager(number):
                self.all[number - 1].discard()
            case Later():
                start_timer(command, self._on_time)


def start_timer(command: Later, report: Callable[[Any], None]) -> None:
    """Report the fact of a timer when it is due."""
    asyncio.get_running_loop().call_later(command.seconds, report, command.fact)


def imported(
    *names: str,
    generation: int = 1,
    environment: dict[str, str | None] | None = None,
    installed_ms: float = 300.0,
) -> Imported:
    """Return the report of a Worker that has imported these modules in this environment."""
    notes = tuple(ModuleNote(name, f"/site-packages/{name}.py") for name in names)
    return Imported(1, generation, notes, (Surroundings(environment or {}),), installed_ms=installed_ms)
