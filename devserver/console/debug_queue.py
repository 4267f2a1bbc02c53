"""The queue of Workers at a prompt: they get the terminal one after the other; pure.

The output of such a Worker is not cut into lines; it is kept unchanged until its turn. What was not shown by
the end of the prompt becomes normal output.
"""

from __future__ import annotations

from dataclasses import dataclass

from devserver.common import events
from devserver.common.events import Event

MOST_UNSEEN = 64 * 1024
"""Characters kept of the output of a Worker that waits for its turn: the newest ones."""

CUT = "… (earlier output was dropped)\r\n"
LONGEST_PROMPT = 1024


@dataclass(slots=True)
class _Turn:
    """`prompt`: the unfinished line on the screen."""

    unseen: str = ""
    prompt: str = ""

    def keep(self, text: str) -> None:
        self.unseen += text
        if len(self.unseen) > MOST_UNSEEN:
            self.unseen = CUT + self.unseen[-(MOST_UNSEEN // 2) :]


class DebugQueue:
    """The Workers at a prompt, in order of arrival; `closed`: no Worker gets the terminal."""

    def __init__(self, *, closed: bool = False) -> None:
        self._turns: dict[int, _Turn] = {}
        self._closed = closed

    @property
    def holder(self) -> int | None:
        """The Worker whose turn it is."""
        return next(iter(self._turns), None)

    def take(self, event: Event) -> list[Event]:
        """Return the events for the rest of the console: `event`, unless kept here, and released output."""
        match event:
            case events.Output() if event.worker in self._turns:
                self._turns[event.worker].keep(event.text)
                return []
            case events.Debugging(active=True, how="debugger" | "question"):
                if not self._closed:
                    self._turns.setdefault(event.worker, _Turn())
            case events.Debugging() | events.WorkerExited():
                return [*self._end(event.worker), event]
            case events.Stopping() | events.Stopped():
                return [*self.close(), event]
        return [event]

    def read(self, worker: int) -> str:
        """Return the holder's output that was not shown yet; the caller writes it unchanged."""
        turn = self._turns.get(worker)
        if turn is None or not turn.unseen:
            return ""
        text, turn.unseen = turn.unseen, ""
        turn.prompt = (turn.prompt + text).rpartition("\n")[2][-LONGEST_PROMPT:]
        return text

    def begin_with(self, worker: int, text: str) -> None:
        """Take the Worker's unfinished line as the beginning of its prompt."""
        if text and (turn := self._turns.get(worker)):
            turn.unseen = text + turn.unseen

    def pause(self, worker: int) -> None:
        """Keep the prompt, to show it again: the Worker loses the terminal for a while."""
        if turn := self._turns.get(worker):
            turn.unseen, turn.prompt = turn.prompt + turn.unseen, ""

    def close(self) -> list[Event]:
        """Give the terminal to no further Worker; return the held output."""
        self._closed = True
        return [event for worker in list(self._turns) for event in self._end(worker)]

    def _end(self, worker: int) -> list[Event]:
        turn = self._turns.pop(worker, None)
        return [events.Output(worker=worker, text=turn.unseen)] if turn and turn.unseen else []
