"""Distinguishes files that a booting Worker creates from saves; until that is clear, an edit waits.

Law: only content that a Worker has written into a file that it created counts as its own. Everything else is
a save. No edit waits longer than PATIENCE, and edits stay in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from devserver.common.failure import Failure
from devserver.ipc.messages import Creates, Source
from devserver.master.reload.timings import Steps

MOST = 1000
"""Files that are remembered; older ones count as saved."""
PATIENCE = 1.0
"""Seconds that an edit waits for a Worker's report on a file, or for the Worker."""


class Edit(Struct, frozen=True):
    """An edit that was read and checked."""

    number: int
    files: Sequence[Source]
    failures: Mapping[str, Failure]
    steps: Steps
    adds: bool = False
    """It has a file that is new: a booting Worker may have created it."""


class CreatedFiles:
    """Calls `settle` with the edits, in their order."""

    def __init__(self, settle: Callable[[Edit], None], loop: asyncio.AbstractEventLoop) -> None:
        self._settle = settle
        self._loop = loop
        self._open: dict[str, float] = {}
        """Path → until when to wait for a Worker's report."""
        self._ordered: dict[int, float] = {}
        """Generation → until when to wait for its first Worker, which may run before it is known here."""
        self._made: dict[tuple[str, bytes], int] = {}
        """Path and digest → the newest generation that has created it."""
        self._taken: set[int] = set()
        """Generations that run with a file that they created."""
        self._tried_again = False
        self._edits: deque[Edit] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def on_edit_checked(self, edit: Edit) -> None:
        """An edit was read and checked."""
        self._edits.append(edit)
        self._go_on()

    def on_boot_ordered(self, generation: int) -> None:
        """A Manager has the order to boot a candidate."""
        self._ordered[generation] = self._loop.time() + PATIENCE

    def on_worker_added(self, generation: int) -> None:
        """A Worker is known: the loop's next turn reads what it has sent, and the one after goes on."""
        self._loop.call_soon(self._loop.call_soon, self.on_order_done, generation)

    def on_order_done(self, generation: int) -> None:
        """The order to boot this candidate has led to a Worker, or to none."""
        if self._ordered.pop(generation, None) is not None:
            self._go_on()

    def on_reported(self, message: Creates) -> None:
        """A Worker creates a file, or has created it."""
        for known in (self._open, self._made):
            if len(known) >= MOST:
                known.clear()
        if message.digest is None:
            self._open[message.path] = self._loop.time() + PATIENCE
            return
        self._open.pop(message.path, None)
        if message.digest:
            self._made[message.path, message.digest] = message.generation
        self._go_on()

    def by(self, file: Source) -> int:
        """Return the generation that has created a file with this content, 0 for none."""
        return self._made.get((file.path, file.digest), 0) if file.digest else 0

    def holds(self, path: str) -> bool:
        """Return whether a waiting edit has this file."""
        return any(file.path == path for edit in self._edits for file in edit.files)

    def note_taken(self, generation: int) -> None:
        """Note that a generation runs with a file that it created: no reason for a reload."""
        self._taken.add(generation)

    def on_saved(self) -> None:
        """The user has saved a file."""
        self._tried_again = False

    def should_retry(self, generation: int) -> bool:
        """Return whether to retry a failed generation with the files that it created; once until a save."""
        if generation not in self._taken or self._tried_again:
            return False
        self._taken.clear()
        self._tried_again = True
        return True

    def close(self) -> None:
        """Drop the waiting edits, and stop the timer."""
        self._edits.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _go_on(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._edits:
            edit = self._edits[0]
            until = max((self._open.get(file.path, 0.0) for file in edit.files), default=0.0)
            if edit.adds:
                until = max([until, *self._ordered.values()])
            if until > self._loop.time():
                self._timer = self._loop.call_at(until, self._go_on)
                return
            self._settle(self._edits.popleft())
