"""Failures of the app's code as plain text and as JSON, and the headline of their HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from devserver.common.explain import explain, relative
from devserver.common.failure import Failure, Place
from devserver.common.failure_data import data
from devserver.common.failure_lines import INDENT, lines, printable

__all__ = ["MOST_FAILURES", "as_json", "headline", "location", "printable", "reason", "report"]

MOST_FAILURES = 8
"""Failures that are shown in full."""


def location(place: Place, root: str) -> str:
    where = f"{relative(place.path, root)}:{place.line}"
    return f"{where}:{place.column}" if place.column else where


def headline(failure: Failure, root: str) -> str:
    """Return a short description of what failed."""
    file = relative(failure.place.path, root) if failure.place else "the app"
    match failure.phase:
        case "check":
            return f"{file} does not compile"
        case "import":
            return "the app could not be imported"
        case "start-up":
            return "the app's start-up failed"
        case _:
            return "the app failed"


def reason(failure: Failure) -> str:
    """Return the exception as Python words it, on one line."""
    return explain(failure).reason


def report(failures: tuple[Failure, ...], root: str) -> str:
    """Return the failures as plain text: the sources, the faults marked, and the steps to them."""
    return printable("\n".join(_report(failures, root)))


def _report(failures: tuple[Failure, ...], root: str) -> Iterator[str]:
    for number, failure in enumerate(failures[:MOST_FAILURES]):
        explanation = explain(failure, root)
        yield from [""] if number else []
        yield f"✗ {headline(failure, root)}"
        yield f"{INDENT}{explanation.reason}"
        yield from (f"{INDENT}{line}".rstrip() for line in lines(explanation))
    if len(failures) > MOST_FAILURES:
        yield ""
        yield f"✗ {len(failures) - MOST_FAILURES:,} more"


def as_json(failure: Failure, root: str) -> dict[str, Any]:
    """Return a failure as data for an API client."""
    return {"phase": failure.phase, **data(explain(failure, root))}
