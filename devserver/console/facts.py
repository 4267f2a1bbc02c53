"""Derives the headline's facts from the console's model; pure."""

from __future__ import annotations

from devserver.common.explain import explain
from devserver.common.failure import Failure
from devserver.console.headline import Facts, Refusal
from devserver.console.model import LastFailure, Model, Save
from devserver.reporting.wording import boot_progress, relative


def facts(view: Model) -> Facts:
    """Return the headline's facts."""
    save = view.pending[max(view.pending)] if view.pending else None
    if save is None and view.is_new and view.master:
        save = Save(since=view.master.started)
    return Facts(
        name=relative(view.target, view.root),
        live_since=view.lives.get(view.generation, 0.0),
        took_ms=view.timeline.total if view.timeline else 0.0,
        saved=_names(view.timeline.paths if view.timeline else (), view.root),
        starting_since=save.since if save else 0.0,
        starting=_names(save.paths if save else (), view.root),
        at=_boot_progress(view),
        refused=refusal(view.error.failures, view.root) if view.error else None,
        failed=view.traffic.failed,
        failed_what="request" if view.traffic.count else "call",
        last_failure=_last_failure(view.last_failure, view.root) if view.last_failure else "",
        stopping=view.stopping,
        exit_code=view.exit_code,
    )


def _boot_progress(view: Model) -> str:
    """Return the progress of a slow start."""
    booting = view.booting
    worker = view.workers.get(booting.worker) if booting else None
    if booting is None or worker is None or worker.state != "booting":
        return ""
    if booting.module:
        return boot_progress(booting, view.root)
    return f"at {relative(booting.path, view.root)}:{booting.line}" if booting.path else ""


def _names(paths: tuple[str, ...], root: str) -> tuple[str, ...]:
    return tuple(relative(path, root) for path in paths)


def refusal(failures: tuple[Failure, ...], root: str) -> Refusal:
    """Return where and why the newest save was refused."""
    if not failures:
        return Refusal(where="", why="the new code was refused")
    explanation = explain(failures[0], root).root
    where = f"{explanation.where.name}:{explanation.where.line}" if explanation.where else ""
    why = explanation.message if explanation.is_syntax and explanation.where else explanation.reason
    return Refusal(where=where, why=why, more=len(failures) - 1)


def _last_failure(last: LastFailure, root: str) -> str:
    reason = explain(last.failure, root).root.reason if last.failure else ""
    return f"{last.name} {reason}".strip()
