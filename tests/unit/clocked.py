"""Runs a scenario on an event loop whose clock is given: timers fire when the test says that time passes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
TURNS = 12
"""Of the loop: more than any chain of wake-ups here is long."""


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
