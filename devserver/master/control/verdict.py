"""Whether the code on the disk is live, in data and in one line: pure."""

from __future__ import annotations

from devserver.common.explain import explain
from devserver.common.failure import Failure
from devserver.control.protocol import State, Verdict
from devserver.master.control.journal import Journal
from devserver.master.reload.generations import Generations
from devserver.reporting import wording


def is_settled(generations: Generations, edit: int) -> bool:
    """Return whether every save up to `edit` is live, refused, or found to change nothing."""
    waits = any(pending <= edit for pending in generations.pending)
    return not waits and bool(generations.live or generations.refusal)


def verdict(generations: Generations, journal: Journal, settled: bool, root: str) -> Verdict:
    """Return the verdict on the disk's code. `settled`: the newest edit in question is settled."""
    state = _state(generations, journal, settled)
    refusal = generations.refusal if state == "not-live" else None
    failures = refusal.failures if refusal else ()
    live = journal.live
    stray = generations.disk.broken_beside(generations.snapshot)
    warnings = [f"{_fault(failure, root)} (nothing imports this file)" for failure in stray.values()]
    return Verdict(
        state=state,
        headline=_headline(state, journal, failures, root),
        generation=generations.live,
        live_at=live.at if live else 0.0,
        files=tuple(wording.relative(path, root) for path in live.paths) if live else (),
        total_ms=round(live.total_ms, 1) if live else 0.0,
        steps_ms={name: round(value, 1) for name, value in wording.ordered(live.steps)} if live else {},
        failures=failures,
        warnings=tuple(warnings) if state == "live" else (),
        root=root,
    )


def _state(generations: Generations, journal: Journal, settled: bool) -> State:
    if journal.stopping:
        return "stopping"
    if not settled:
        return "starting"
    return "not-live" if generations.refusal else "live"


def _headline(state: State, journal: Journal, failures: tuple[Failure, ...], root: str) -> str:
    live, target = journal.live, journal.started.target if journal.started else ""
    older = wording.still_running(live.at) if live else wording.NOTHING_RUNS
    match state:
        case "live" if live:
            what = wording.files(live.paths, root) or target
            return f"LIVE  {what}  {wording.duration(live.total_ms)}  {wording.clock(live.at)}"
        case "not-live" if failures:
            more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
            return f"NOT LIVE  {_fault(failures[0], root)}{more} — {older}"
        case "stopping":
            return "STOPPING"
    return f"STARTING  {target}" + (f" — {older}" if live else "")


def _fault(failure: Failure, root: str) -> str:
    found = explain(failure, root).root
    where = f"{found.where.name}:{found.where.line} " if found.where else ""
    return where + found.reason
