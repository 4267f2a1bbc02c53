"""The jobs of a Worker that runs nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from devserver.worker.run.jobs import Jobs


class JobList(Protocol):
    """What streams ask of the jobs."""

    cancelled: bool

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]: ...


class FakeJobs:
    """Runs each job in a task, and counts none."""

    def __init__(self) -> None:
        self.cancelled = False
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        self.tasks.append(asyncio.get_running_loop().create_task(work, name=name))
        return self.tasks[-1]


if TYPE_CHECKING:
    _kinds: tuple[type[JobList], ...] = (Jobs, FakeJobs)
