"""The place of a suspended task: the app's own code, if it is in there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from devserver.common.failure import Frame
from devserver.common.foreign import is_foreign

MOST_TASKS = 20
"""Tasks reported one by one."""


def places(tasks: Iterable[asyncio.Task[Any]]) -> tuple[Frame, ...]:
    """Return the places of tasks, each with the name of its coroutine; equal places once."""
    return tuple(dict.fromkeys(map(_place, tasks)))[:MOST_TASKS]


def _place(task: asyncio.Task[Any]) -> Frame:
    work: Any = task.get_coro()
    name = getattr(work, "__qualname__", "") or task.get_name()
    frames = list(_frames(work))
    if not frames:
        return Frame("", 0, name)
    best = next((frame for frame in reversed(frames) if not is_foreign(frame.f_code.co_filename)), frames[0])
    return Frame(best.f_code.co_filename, best.f_lineno or 0, name)


def _frames(work: Any) -> Iterator[FrameType]:
    """Yield the frames of a coroutine and of those that it awaits, outermost first."""
    seen: set[int] = set()
    while work is not None and id(work) not in seen:
        seen.add(id(work))
        for prefix, inner in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
            frame = getattr(work, f"{prefix}_frame", None)
            if isinstance(frame, FrameType):
                yield frame
                work = getattr(work, inner, None)
                break
        else:
            return
