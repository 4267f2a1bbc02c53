"""What happens to Workers whose Manager has died: pure.

Law: an orphan serves until others do its work. Its link brings it the order to exit within a time. Past that
time it is killed by its pidfd.
"""

from __future__ import annotations

from collections.abc import Iterable

from devserver.master.supervision.commands import Command, Kill, Later, Retire, Terminate
from devserver.master.supervision.facts import WorkerOverdue
from devserver.master.supervision.worker_record import WorkerRecord


def adopt(workers: Iterable[WorkerRecord], live: int, drain_s: float) -> list[Command]:
    """Adopt Workers whose Manager has just died. The next Manager boots their candidates again."""
    commands: list[Command] = []
    for worker in workers:
        if worker.generation != live and worker.state in ("booting", "failed", "cancelled"):
            commands.append(Terminate(worker))
        elif worker.generation < live:
            commands += retire(worker, drain_s)
    return commands


def retire(worker: WorkerRecord, seconds: float) -> list[Command]:
    """Let an orphan finish its jobs, within so many seconds."""
    return [Retire(worker), Later(seconds, WorkerOverdue(worker))]


def retire_all(orphans: Iterable[WorkerRecord], drain_s: float) -> list[Command]:
    """Retire all orphans that are not retired yet: others do their work, or will."""
    found = [orphan for orphan in orphans if not orphan.retired]
    return [command for orphan in found for command in retire(orphan, drain_s)]


def stop(orphans: Iterable[WorkerRecord], seconds: float) -> list[Command]:
    """Order all of them to exit within so many seconds; 0: at once."""
    if seconds <= 0:
        return [Kill(orphan) for orphan in orphans]
    return [command for orphan in orphans for command in retire(orphan, seconds)]
