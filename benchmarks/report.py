"""Tables in Markdown, what machine it was, and the page of results that the benchmarks write."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers import version

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "BENCHMARKS.md"
_HEAD = """\
# Benchmarks

Written by the benchmarks themselves; each replaces its own part. They need Linux and what they compare with:

```console
$ pip install -e '.[bench]'
$ python -m benchmarks.duel --write      # about 12 minutes
$ python -m benchmarks.edits --write     # about 12 minutes; Python 3.12 or later for uvicorn-hmr
$ python -m benchmarks.growth --write    # about 4 minutes
$ python -m benchmarks.endurance --write # about 5 minutes
```

Let the machine be otherwise idle. Without `--write` the results are printed.
"""
_PARTS = ("duel", "edits", "growth", "endurance")


def machine() -> str:
    """Return one line on the machine and the Python, and on the load that it had."""
    names = [
        line.partition(":")[2].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")
    ]
    memory = next((int(line.split()[1]) for line in _read("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return (
        f"{datetime.datetime.now(datetime.UTC).date()}; {platform.system()} {platform.release()}, "
        f"{os.cpu_count()} cores ({names[0] if names else platform.machine()}), {memory / 2**20:.0f} GB; "
        f"Python {platform.python_version()}; load before: {os.getloadavg()[0]:.1f}"
    )


def versions(distributions: Sequence[str]) -> str:
    """Return which versions of these are installed."""
    return ", ".join(f"{name} {version(name) or '(missing)'}" for name in distributions)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is the rows' names."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def progress(text: str) -> None:
    """Tell what is going on."""
    print(text, file=sys.stderr, flush=True)


def publish(part: str, text: str, plots: Mapping[str, str], write: bool) -> None:
    """Print a part of the page, or write it into the page and the plots beside it.

    `plots` are by name; what stands in the text as `{plot:NAME}` shows them.
    """
    for name in plots:
        text = text.replace(f"{{plot:{name}}}", f"![{name}](benchmarks-{name}.svg)" if write else "")
    if not write:
        print(text)
        return
    for name, svg in plots.items():
        (DOCS / f"benchmarks-{name}.svg").write_text(svg)
    old = PAGE.read_text() if PAGE.exists() else ""
    parts = {name: _between(old, name) for name in _PARTS} | {part: text.strip()}
    page = [
        _HEAD,
        *(f"{_mark(name)}\n\n{body}\n\n{_mark('/' + name)}\n" for name, body in parts.items() if body),
    ]
    PAGE.write_text("\n".join(page))
    progress(f"written: {PAGE.name}, {len(plots)} plots")


def _mark(name: str) -> str:
    return f"<!-- {name} -->"


def _between(page: str, name: str) -> str:
    return page.partition(_mark(name))[2].partition(_mark("/" + name))[0].strip()


def _read(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
