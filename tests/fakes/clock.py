"""An event loop whose clock the test sets: timers fire when the test lets time pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")
TURNS = 12
"""Iterations of the loop: more than any chain of wake-ups here is long."""


class ClockedLoop(asyncio.SelectorEventLoop):
    """Its time stands still between calls of `passes`."""

    now = 1000.0

    def time(self) -> float:
        return self.now


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run `scenario`; a task that it left behind is a failure."""
    with asyncio.Runner(loop_factory=ClockedLoop) as runner:
        result = runner.run(scenario)
        left = asyncio.all_tasks(runner.get_loop())
    assert not left, f"left behind: {left}"
    return result


def clocked(scenario: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on a loop whose clock it sets."""

    @wraps(scenario)
    def test() -> None:
        run(scenario())

    return test


async def turns(count: int = TURNS) -> None:
    """Let everything run that is ready, and what that wakes."""
    for _ in range(count):
        await asyncio.sleep(0)


async def passes(seconds: float) -> None:
    """Let `seconds` pass; what is due by then happens."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ClockedLoop)
    loop.now += seconds
    await turns()
