"""Which Managers have to answer, what they are asked, and when one is given up: pure.

Law: a watched Manager has to answer whatever it is sent, and while a boot or an exit is due that only it can
end or report.
"""

from __future__ import annotations

from collections import defaultdict

from devserver.ipc.messages import Ping
from devserver.master.supervision import heartbeat
from devserver.master.supervision.commands import Command, EndManager, Later, SendTo
from devserver.master.supervision.facts import HeartbeatDue
from devserver.master.supervision.heartbeat import Heartbeat

HUNG = f"for it had not answered for {heartbeat.PATIENCE * heartbeat.TICK:g} s"


class Heartbeats:
    """The Heartbeat of each Manager, by number. Methods return what to do."""

    def __init__(self) -> None:
        self._beats: defaultdict[int, Heartbeat] = defaultdict(Heartbeat)
        self._watched: set[int] = set()
        self._ticking: set[int] = set()

    def watch(self, manager: int) -> list[Command]:
        """Require answers of a Manager from now on."""
        self._watched.add(manager)
        return self.expect(manager)

    def expect(self, manager: int) -> list[Command]:
        """Ask a Manager, if it is watched: something is due."""
        asks = manager in self._watched and self._beats[manager].expect()
        return self._ask(manager) if asks else []

    def on_message(self, manager: int, *, answers: bool) -> None:
        """Note that a Manager has sent something, or has answered."""
        self._beats[manager].on_message()
        if answers:
            self._beats[manager].on_answered()

    def on_tick(self, manager: int, *, due: bool) -> list[Command]:
        """Count a second. `due`: a boot or an exit is expected of it."""
        self._ticking.discard(manager)
        if manager not in self._watched:
            return []
        beat = self._beats[manager]
        if beat.tick(due):
            return self._ask(manager)
        if beat.hung:
            return [EndManager(manager, HUNG)]
        return self._tick(manager) if beat.awake else []

    def on_lost(self, manager: int) -> None:
        """Ask a Manager no more: it exits."""
        self._beats.pop(manager, None)
        self._watched.discard(manager)

    def _ask(self, manager: int) -> list[Command]:
        return [SendTo(manager, Ping()), *self._tick(manager)]

    def _tick(self, manager: int) -> list[Command]:
        if manager in self._ticking:
            return []
        self._ticking.add(manager)
        return [Later(heartbeat.TICK, HeartbeatDue(manager))]
