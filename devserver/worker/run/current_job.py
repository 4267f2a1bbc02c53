"""Which unit of work some code runs in, whatever task or thread it has got to."""

from __future__ import annotations

from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass


@dataclass(frozen=True, eq=False, slots=True)
class Job:
    """One unit; `name` is what a user would call it."""

    name: str


current: ContextVar[Job | None] = ContextVar("devserver_in_unit", default=None)


def context_of(name: str) -> Context:
    """Return a context for a unit of that name: what runs in it, and all that it begins, is that unit's."""
    context = copy_context()
    context.run(current.set, Job(name))
    return context
