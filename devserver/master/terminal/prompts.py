"""Finds out which Worker is at a prompt, and so gets the keys.

Law: a Worker that reads its terminal gets the keys. Debuggers and input() report that. Other readers are
found by checks of the terminal: after an unfinished line, after a change to single keys, and before a key has
a meaning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec import Struct

from devserver.common import events
from devserver.ipc import messages
from devserver.master.dispatch.worker import Worker
from devserver.master.terminal import readers

LOOKS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds from one check to the next after an unfinished line."""
AGAIN = 0.1
PATIENCE = 2
"""Checks in a row without a reader: between two questions a program reads nothing for a moment."""
STILL = 2
"""Checks in a row that find the loop stopped, until we believe it: at a single one it may be writing."""
NO_PROMPT = messages.DebuggerState(False)


@dataclass(slots=True)
class _State:
    reported: messages.DebuggerState = NO_PROMPT
    seen: bool = False
    still: int = 0
    """Checks in a row at which the event loop of a reading Worker was stopped."""
    shown: messages.DebuggerState = NO_PROMPT
    looks: int = 0
    """Checks since the unfinished line, or without a reader since the last one was seen."""
    timer: asyncio.TimerHandle | None = None


class PromptChanged(Struct, frozen=True):
    """A Worker reads its terminal now, or no longer."""

    worker: Worker
    state: messages.DebuggerState


def event(worker: Worker, state: messages.DebuggerState) -> events.Debugging:
    """Return the user's event about a prompt."""
    return events.Debugging(
        worker=worker.id,
        active=state.active,
        path=state.path,
        line=state.line,
        what=state.what,
        how=state.how,
    )


class Prompts:
    """One per Master; `report` takes each PromptChanged."""

    def __init__(self, workers: Mapping[int, Worker], report: Callable[[PromptChanged], None]) -> None:
        self._workers = workers
        self._report = report
        self._states: dict[int, _State] = {}
        self._loop = asyncio.get_running_loop()

    def on_reported(self, worker: Worker, message: messages.DebuggerState) -> None:
        """The Worker reports its prompt; read its earlier output first."""
        worker.read_terminal()
        state = self._states.setdefault(worker.id, _State())
        state.reported = message
        if message.active:
            self._stop_looking(state)
            state.seen = False
        self._show(worker, state)
        worker.link.send(message)

    def on_printed(self, worker: Worker, text: str) -> None:
        """The Worker has printed: an unfinished line may be a question."""
        state = self._states.get(worker.id)
        if state is not None and (state.reported.active or state.seen):
            return
        if not text.endswith("\n") or readers.takes_keys(worker.terminal):
            if state is None:
                state = self._states[worker.id] = _State()
            state.looks = 0
            if state.timer is None:
                self._look_after(LOOKS[0], worker, state)
        elif state is not None:
            self._stop_looking(state)

    def typed(self, keys: bytes) -> bool:
        """Give the keys to a Worker that reads its terminal, noticed before or not; return whether there is
        one.
        """
        for worker in list(self._workers.values()):
            if worker.terminal >= 0 and readers.is_read(worker.terminal, worker.pid):
                state = self._states.setdefault(worker.id, _State())
                if not state.reported.active:
                    self._see(worker, state)
                worker.type(keys)
                return True
        return False

    def on_ready(self, worker: Worker) -> None:
        """The Worker has booted: its question is answered, even if no check has found that yet."""
        state = self._states.get(worker.id)
        if state is not None and state.seen and not readers.is_read(worker.terminal, worker.pid):
            self._stop_looking(state)
            self._forget(worker, state)

    def on_exited(self, worker: Worker) -> None:
        """The Worker has exited."""
        if state := self._states.pop(worker.id, None):
            self._stop_looking(state)

    def _look(self, worker: Worker, state: _State) -> None:
        state.timer = None
        if self._states.get(worker.id) is not state or worker.terminal < 0 or state.reported.active:
            return
        if readers.is_read(worker.terminal, worker.pid):
            self._see(worker, state)
            return
        state.looks += 1
        if not state.seen:
            if state.looks < len(LOOKS):
                self._look_after(LOOKS[state.looks], worker, state)
        elif state.looks < PATIENCE:
            self._look_after(AGAIN, worker, state)
        else:
            self._forget(worker, state)

    def _see(self, worker: Worker, state: _State) -> None:
        """The Worker reads its terminal."""
        state.seen, state.looks = True, 0
        state.still = state.still + 1 if readers.stands_still(worker.pid) else 0
        self._show(worker, state)
        if state.timer is None:
            self._look_after(AGAIN, worker, state)

    def _forget(self, worker: Worker, state: _State) -> None:
        """The Worker does not read its terminal any more."""
        state.seen, state.looks, state.still = False, 0, 0
        worker.read_terminal()
        self._show(worker, state)

    def _look_after(self, seconds: float, worker: Worker, state: _State) -> None:
        state.timer = self._loop.call_later(seconds, self._look, worker, state)

    @staticmethod
    def _stop_looking(state: _State) -> None:
        if state.timer is not None:
            state.timer.cancel()
            state.timer = None

    def _show(self, worker: Worker, state: _State) -> None:
        seen = messages.DebuggerState(state.seen, worker.id, how="question", blocks=state.still >= STILL)
        now = state.reported if state.reported.active else seen
        if now == state.shown or not (now.active or state.shown.active):
            return
        state.shown = now
        self._report(PromptChanged(worker, now))
