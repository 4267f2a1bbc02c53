"""The job to which the running code belongs, in any task or thread."""

from __future__ import annotations

from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass


@dataclass(frozen=True, eq=False, slots=True)
class Job:
    """One job; `name` is the user's name for it."""

    name: str


current: ContextVar[Job | None] = ContextVar("devserver_in_unit", default=None)


def context_of(name: str) -> Context:
    """Return a context for a job of that name: code that runs or starts in it belongs to the job."""
    context = copy_context()
    context.run(current.set, Job(name))
    return context
