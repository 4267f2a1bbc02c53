"""Tells the Master when a debugger has the Worker: nobody hurries it then, and the user's keys reach it.

pdb tells each stop and each "go on". Of any other debugger only the beginning is seen: it is taken to have
ended when the unit in hand has.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import Any

from devserver.errors import ConnectionGone
from devserver.wire.messages import Debugging
from devserver.worker import environment
from devserver.worker.lane import Lane


class Debugger:
    """Wraps `sys.breakpointhook`."""

    def __init__(self, lane: Lane, worker: int) -> None:
        self._lane = lane
        self._worker = worker
        self._hook = sys.breakpointhook
        self._task: asyncio.Task[Any] | None = None
        self.active = False

    def install(self) -> None:
        """Take the place of the hook that is there."""
        sys.breakpointhook = self._breakpoint

    def began(self) -> None:
        """A debugger stops here. Returns when the user's terminal shows what is printed from now on."""
        if self.active or self._lane.forked:
            return
        self._task = _current_task()
        self._tell(True)

    def over(self) -> None:
        """The app runs on, with nobody at a prompt."""
        if self.active and not self._lane.forked:
            self._tell(False)

    def ended(self) -> None:
        """A unit has ended, and with it whatever looked at it."""
        task = self._task
        if self.active and (task is None or task.done() or task is _current_task()):
            self.over()

    def _tell(self, active: bool) -> None:
        self.active = active
        environment.flush()
        with suppress(ConnectionGone):
            self._lane.debugging(Debugging(active, self._worker))

    def _breakpoint(self, *args: Any, **kwargs: Any) -> Any:
        hook = os.environ.get("PYTHONBREAKPOINT", "")
        if hook == "0":
            return None
        self.began()
        if hook in ("", "pdb.set_trace") and not args:
            return self._pdb(**kwargs)
        return self._hook(*args, **kwargs)

    def _pdb(self, header: str | None = None, **_unknown: Any) -> None:
        """Stop in the frame that called breakpoint(); the usual hook would stop in this module."""
        from devserver.worker.prompt import Prompt

        prompt = Prompt(self)
        if header is not None:
            prompt.message(header)
        prompt.stop_in(sys._getframe(2))


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return None
