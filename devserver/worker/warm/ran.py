"""Records which of the app's own code has run since it was loaded.

Laws: code that has run is never taken for code that has not. If that is unknown, the reason is returned.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from types import CodeType
from typing import Any, Protocol

_IDS = (4, 3)
"""Tool identifiers of sys.monitoring that no kind of tool uses by convention."""
_NAME = "devserver"
_COUNTER = 52
"""Offset of Python 3.11's warm-up counter in a PyCodeObject: after co_flags."""
_COLD = -8


class Ran(Protocol):
    """Begin, then watch code before it can run. `end` returns why the answers do not count, "" if they do."""

    def begin(self) -> str:
        """Start recording; return why that is not possible, "" if it is."""

    def watch(self, codes: Iterable[CodeType]) -> None:
        """Record when one of these begins to run. Keep them alive, because ids identify them."""

    def end(self, codes: Iterable[CodeType]) -> str:
        """Stop recording; `codes` are all that were watched."""

    def has_run(self, code: CodeType) -> bool:
        """Return whether a watched code had run by the end."""


class Monitored:
    """Python 3.12 and newer: sys.monitoring, enabled for watched code only, until its first run."""

    def __init__(self) -> None:
        self._monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        self._tool = -1
        self._ran: set[int] = set()
        self._on_start = self._make_callback()

    def _make_callback(self) -> Any:
        ran, disable = self._ran, self._monitoring.DISABLE

        def on_start(code: CodeType, _offset: int) -> object:
            ran.add(id(code))
            return disable

        return on_start

    def begin(self) -> str:
        """Take a free tool identifier."""
        for tool in _IDS:
            if self._monitoring.get_tool(tool) is None:
                self._monitoring.use_tool_id(tool, _NAME)
                self._monitoring.register_callback(tool, self._event, self._on_start)
                self._tool = tool
                return ""
        names = " and ".join(str(self._monitoring.get_tool(tool)) for tool in _IDS)
        return f"sys.monitoring is taken by {names}"

    @property
    def _event(self) -> int:
        return int(self._monitoring.events.PY_START)

    def watch(self, codes: Iterable[CodeType]) -> None:
        """Record their first run."""
        if self._tool >= 0:
            for code in codes:
                self._monitoring.set_local_events(self._tool, code, self._event)

    def end(self, codes: Iterable[CodeType]) -> str:
        """Free the tool identifier, as if it had not been used."""
        tool, self._tool = self._tool, -1
        if tool < 0:
            return "sys.monitoring was not available"
        monitoring = self._monitoring
        if monitoring.get_tool(tool) != _NAME:
            return "something took sys.monitoring away while the app was imported"
        ours = monitoring.register_callback(tool, self._event, None) is self._on_start
        for code in codes:
            if ours and id(code) not in self._ran and not monitoring.get_local_events(tool, code):
                ours = False
            monitoring.set_local_events(tool, code, 0)
        monitoring.free_tool_id(tool)
        return "" if ours else "something used the sys.monitoring of devserver while the app was imported"

    def has_run(self, code: CodeType) -> bool:
        """Return whether its start was recorded."""
        return id(code) in self._ran


class Counted:
    """Python 3.11: the warm-up counter of a code object keeps its initial value until the code runs."""

    def __init__(self) -> None:
        self._ran: set[int] = set()

    def begin(self) -> str:
        """Check that the counter is where we expect it."""
        return "" if _is_counter() else "this Python keeps its counters elsewhere"

    def watch(self, codes: Iterable[CodeType]) -> None:
        """Record those that have run by now."""
        self._ran.update(id(code) for code in codes if _counter(code) != _COLD)

    def end(self, codes: Iterable[CodeType]) -> str:
        """Read all counters."""
        self.watch(codes)
        return ""

    def has_run(self, code: CodeType) -> bool:
        """Return whether its counter had moved."""
        return id(code) in self._ran


def _counter(code: CodeType) -> int:
    return ctypes.c_short.from_address(id(code) + _COUNTER).value


def _is_counter() -> bool:
    """Try the counter on fresh code: it moves with the first run, by one for a function, and ends at zero."""
    if sys.version_info[:2] != (3, 11) or sys.implementation.name != "cpython":
        return False
    namespace: dict[str, Any] = {}
    exec(_TRIAL, namespace)  # fresh code, whatever has run here before
    plain, steps = namespace["plain"], namespace["steps"]
    for function, run, step in ((plain, plain, 1), (steps, lambda: list(steps()), 2)):
        code = function.__code__
        seen = [_counter(code)]
        for _ in range(-_COLD + 2):
            run()
            seen.append(_counter(code))
        if seen[0] != _COLD or seen[1] != _COLD + step or seen[-1] != 0:
            return False
    return True


_TRIAL = """
def plain():
    return 1
def steps():
    yield 1
"""


def recorder() -> Ran:
    """Return the recorder for this Python."""
    return Monitored() if sys.version_info >= (3, 12) else Counted()
