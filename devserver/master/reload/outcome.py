"""Makes the user's events of decisions on the code: pure."""

from __future__ import annotations

import os

from devserver.common import events
from devserver.common.failure import Failure
from devserver.master.reload.commands import GoLive, Refuse
from devserver.master.reload.timings import Steps

HOPELESS = frozenset({"NoHandlers", "NotAnApp", "AppAmbiguous", "AttributeMissing", "NameTaken"})
"""Failures of a first start, before any edit, that mean that the command was wrong."""
EXCLUSIVE = "if the old worker holds a resource that the new one needs, use --handover exclusive"


def live(command: GoLive, steps: Steps, total_ms: float) -> events.Live:
    """Return the report that newer code is live."""
    forked = command.worker.forked
    return events.Live(
        generation=command.generation,
        edit=command.edit,
        steps=steps,
        total_ms=total_ms,
        paths=command.paths,
        way=forked.way,
        functions=forked.functions,
        constants=forked.constants,
        why=forked.why,
    )


def refused(command: Refuse, live: int) -> events.Refused:
    """Return the report that an edit's code cannot run; `live` is the generation that runs."""
    place = command.failures[0].place
    return events.Refused(
        edit=command.edit,
        generation=command.generation,
        live=live,
        file=place.path if place else "",
        line=place.line if place else 0,
        failures=command.failures,
    )


def retried_alone(failure: Failure) -> events.Notice:
    """Return the report that a candidate is tried again after the old Worker's exit."""
    why = f"the new code could not start while the old worker was running ({failure})"
    return events.Notice(level="warning", text=f"{why}; retrying after it exits")


def unused(failure: Failure, root: str) -> events.Notice:
    """Return the report of a broken file that nothing uses."""
    where = str(failure).removeprefix(os.path.join(root, ""))
    return events.Notice(level="warning", text=f"{where}. Nothing imports this file, so it blocks nothing.")
