"""The option --since: a moment in the past."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_AGO = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|min|h|d)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, None: 1}


def moment(text: str, now: float) -> float:
    """Return the Unix time that `10s`, `5m`, `12:03` or `12:03:11` means. Raises BadParameter."""
    if found := _AGO.fullmatch(text.strip()):
        return now - float(found[1]) * _UNITS[found[2]]
    if (found := _CLOCK.fullmatch(text.strip())) and int(found[1]) < 24 and int(found[2]) < 60:
        day = time.localtime(now)
        at = time.mktime((*day[:3], int(found[1]), int(found[2]), int(found[3] or 0), *day[6:8], -1))
        return at if at <= now else at - 86400
    raise click.BadParameter(f"{text!r} is not a time: try 10s, 5m, 2h, 12:03 or 12:03:11.")


def since_option(function: Decorated) -> Decorated:
    """Give a command --since, as Unix time, 0 without it."""
    option = click.option(
        "--since",
        type=lambda text: moment(text, time.time()),
        default=None,
        metavar="TIME",
        help="Only from then on: 10s, 5m, 2h ago, or a time of day: 12:03, 12:03:11.",
    )
    return option(function)
