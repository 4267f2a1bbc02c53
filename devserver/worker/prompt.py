"""pdb as a Worker runs it: it tells when it stops and when it lets go. Imported at a breakpoint only."""

from __future__ import annotations

import pdb
import traceback
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devserver.worker.debugger import Debugger

_PACKAGE = __name__.partition(".")[0] + "."


class Prompt(pdb.Pdb):
    """Steps through the app, never through this package; leaves no signal handler behind."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._callers: list[FrameType] = []
        """The frames of this package that called the app."""
        super().__init__(nosigint=True, skip=[f"{_PACKAGE}*"])

    def stop_in(self, frame: FrameType) -> None:
        """Stop at the next line of `frame`."""
        callers = (caller for caller, _ in traceback.walk_stack(frame.f_back))
        self._callers = [each for each in callers if each.f_globals.get("__name__", "").startswith(_PACKAGE)]
        self.set_trace(frame)

    def dispatch_line(self, frame: FrameType) -> Any:
        if frame in self._callers:  # stepped out of the app: nobody wants to see the event loop
            self.set_continue()
            return self.trace_dispatch
        return super().dispatch_line(frame)

    def interaction(self, *args: Any, **kwargs: Any) -> None:
        self._debugger.began()
        super().interaction(*args, **kwargs)

    def set_continue(self) -> None:
        super().set_continue()
        self._debugger.over()

    def set_quit(self) -> None:
        super().set_quit()
        self._debugger.over()
