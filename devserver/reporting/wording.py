"""The words and numbers that the plain lines and the dashboard share; pure, and free of rich."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from devserver.common.events import Booting, Live
from devserver.common.explain import relative

__all__ = [
    "boot_progress",
    "clock",
    "duration",
    "files",
    "how_live",
    "milliseconds",
    "ordered",
    "plural",
    "relative",
    "size",
    "still_running",
]

STEPS = ("settle", "check", "fork", "import", "start", "live")
"""The steps of a reload in the order in which they happen."""


NOTHING_RUNS = "nothing runs until it is fixed"


def milliseconds(value: float) -> str:
    """Return a duration without its unit, as short as possible: `0.4`, `11`, `1,250`."""
    if value >= 1:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.05 else "0"


def duration(value: float) -> str:
    """Return `value` milliseconds with a unit that suits it: `11 ms`, `3.4 s`, `2 min 5 s`."""
    if value < 1_000:
        return f"{milliseconds(value)} ms"
    if value < 60_000:
        return f"{value / 1_000:.1f} s"
    minutes, seconds = divmod(round(value / 1_000), 60)
    return f"{minutes} min {seconds} s"


def size(count: int) -> str:
    """Return `count` bytes in MB, "" if it is not known."""
    if count <= 0:
        return ""
    megabytes = count / 1_000_000
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:,.0f} MB"


def clock(at: float) -> str:
    """Return the local time of day of a Unix time."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def still_running(since: float) -> str:
    """Return which code runs while newer code does not; `since` is when it went live, in Unix time."""
    return f"still running the code of {clock(since)}"


def plural(count: int, noun: str, nouns: str = "") -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {nouns or noun + 's'}"


def ordered(steps: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the steps of a reload in their order; unknown ones come last."""
    known = [(name, steps[name]) for name in STEPS if name in steps]
    return known + [(name, value) for name, value in steps.items() if name not in STEPS]


def how_live(event: Live) -> str:
    """Return how the code went live: `1 function`, `no import`, or the reason for importing everything."""
    if event.way == "swap":
        counts = (event.functions, "function"), (event.constants, "constant")
        return ", ".join(plural(count, noun) for count, noun in counts if count)
    if event.way == "copy":
        return "no import"
    return f"all modules: {event.why}" if event.why else ""


def files(paths: Iterable[str], root: str = "", most: int = 3) -> str:
    """Return `paths` as one phrase: at most `most` names, and how many more there are."""
    names = [relative(path, root) for path in paths]
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def boot_progress(event: Booting, root: str) -> str:
    """Return the progress of a start: `importing pandas (main.py:3)`."""
    where = f"{relative(event.path, root)}:{event.line}" if event.path else ""
    if event.module:
        return f"importing {event.module}" + (f" ({where})" if where else "")
    return f"starting, at {where}," if where else "starting"
