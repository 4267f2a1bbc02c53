"""Finds out whether the app's import keeps a reference to the event loop, or changes the loop."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections import deque
from typing import Any

_SIMPLE = (bool, int, float, str, type(None))
_SIZED = (list, dict, set, tuple, deque)
_ASKED = ("get_debug", "get_exception_handler", "get_task_factory")


class LoopWatch:
    """Counts references to the loop: call `start` and `objection` while the same variables hold it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._traits: list[str] = []
        self._holders = 0

    def start(self) -> None:
        """Begin, just before the app is imported."""
        self._traits = _traits(self._loop)
        self._holders = self._count()

    def objection(self) -> str:
        """Return why another loop cannot replace this one, "" if it can."""
        if self._loop.is_closed() or self._loop.is_running():
            return "its import closes the event loop"
        if self._count() != self._holders or weakref.getweakrefcount(self._loop):
            return "its import keeps the event loop"
        if _traits(self._loop) != self._traits:
            return "its import changes the event loop"
        return ""

    def close(self) -> None:
        """Close the loop: another one replaces it."""
        self._loop.close()

    def _count(self) -> int:
        """Return the number of references to the loop, without asyncio's policy."""
        return sys.getrefcount(self._loop) - (_of_policy() is self._loop)


def _of_policy() -> object:
    events: Any = asyncio.events
    policy = events._event_loop_policy
    return getattr(getattr(policy, "_local", None), "_loop", None)


def _traits(loop: asyncio.AbstractEventLoop) -> list[str]:
    """Return the visible state of a loop, as far as it can be compared."""
    traits = [f"{name}={getattr(loop, name)()!r:.80}" for name in _ASKED]
    inner = getattr(loop, "__dict__", None)
    if inner is not None:
        traits += [f"{name}={_trait(value)}" for name, value in sorted(inner.items())]
    else:
        traits += sorted(_trait(value) for value in gc.get_referents(loop) if value is not loop)
    return traits


def _trait(value: Any) -> str:
    if isinstance(value, _SIMPLE):
        return repr(value)
    size = (
        f" {len(value)}"
        if isinstance(value, list | dict | set | tuple) or type(value).__name__ == "deque"
        else ""
    )
    return f"{type(value).__qualname__}{size}"
