"""Tells the Master when `breakpoint()` has the Worker, so that nobody hurries it.

pdb cannot be seen to end; it is taken to have ended when the unit in hand has.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from devserver.wire.messages import Debugging
from devserver.worker.lane import Lane


class Debugger:
    """Wraps `sys.breakpointhook`."""

    def __init__(self, lane: Lane, worker: int) -> None:
        self._lane = lane
        self._worker = worker
        self._hook = sys.breakpointhook
        self.active = False

    def install(self) -> None:
        """Take the place of the hook that is there."""
        sys.breakpointhook = self._breakpoint

    def ended(self) -> None:
        """The unit in hand has ended, and with it whatever looked at it."""
        if self.active:
            self._tell(False)

    def _tell(self, active: bool) -> None:
        self.active = active
        if not self._lane.forked:
            self._lane.send(Debugging(active, self._worker))

    def _breakpoint(self, *args: Any, **kwargs: Any) -> Any:
        self._tell(True)
        if os.environ.get("PYTHONBREAKPOINT", "") in ("", "pdb.set_trace") and not args:
            return _pdb(**kwargs)
        return self._hook(*args, **kwargs)


def _pdb(header: str | None = None, **_unknown: Any) -> None:
    """Stop in the frame that called breakpoint(); the usual hook would stop in this module."""
    import pdb

    debugger = pdb.Pdb()
    if header is not None:
        debugger.message(header)
    debugger.set_trace(sys._getframe(2))
