"""How long from a save to the first answer of its code, by what is edited and where.

    python -m benchmarks.edits [--saves 5] [--servers devserver,devserver-cold,uvicorn,uvicorn-hmr]

One app of FastAPI with fifty modules of its own is served by one server after the other. In each place first
the body of a function is edited, then a constant at module level. Prints a table of medians, in ms, with the
ways that devserver took (docs/WARM.md) and how many answers of older code came after the save. Requests begin
at the save, each over a new connection. `devserver-cold` is devserver with `--warm off`. uvicorn-hmr needs
Python 3.12.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.client import free_port, get
from benchmarks.peers import version
from benchmarks.projects import FASTAPI_APP
from benchmarks.server import DidNotStart, EventFile, Preloading, Server

PATIENCE = 10.0
"""Seconds in which the new code has to answer; no further save of that edit is measured else."""
REST = 1.0
"""Seconds between two saves."""
_EDITED = """
CONSTANT = 0


@@ROUTES@.get("/edited/body")
def edited_body() -> str:
    return "version 000000"


@@ROUTES@.get("/edited/constant")
def edited_constant() -> str:
    return f"version {CONSTANT:06}"
"""
_MODEL = """

class Edited(Base):
    __tablename__ = "edited"
    id: Mapped[int] = mapped_column(primary_key=True)

    def label(self) -> str:
        return "version 000000"  # of the model


@router.get("/edited/model")
def edited_model() -> str:
    return Edited(id=1).label()
"""
_ROUTERS = (6, 26, 46)
_MODEL_IN = 26


@dataclass(frozen=True)
class Edit:
    """`line` stands once in `file`; `@` in it is the version that `path` answers with."""

    name: str
    file: str
    path: str
    line: str


@dataclass
class Row:
    """What one server took for one edit, in ms; how many answers were stale; the ways that devserver took."""

    times: list[float] = field(default_factory=list)
    stale: int = 0
    ways: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        if not self.times:
            return "never"
        ways = f" ({', '.join(sorted(self.ways))})" if self.ways else ""
        stale = f", {self.stale} stale" if self.stale else ""
        return f"{statistics.median(self.times):.0f}{ways}{stale}"


def edits() -> Iterator[Edit]:
    """Yield every edit: a body and a constant in each place, and a method of a model on the shared base."""
    places = [(f"router {number}", _part(number), f"/part{number:02}") for number in _ROUTERS]
    for name, file, prefix in (*places, ("main", FASTAPI_APP.saved, "")):
        yield Edit(f"body, {name}", file, f"{prefix}/edited/body", '    return "version @"\n')
        yield Edit(f"constant, {name}", file, f"{prefix}/edited/constant", "CONSTANT = @\n")
    prefix = f"/part{_MODEL_IN:02}"
    line = '    return "version @"  # of the model\n'
    yield Edit("body, method of a model", _part(_MODEL_IN), f"{prefix}/edited/model", line)


def _part(number: int) -> str:
    return f"shop/parts/part{number:02}.py"


def _make(folder: Path) -> None:
    FASTAPI_APP.make(folder)
    main = FASTAPI_APP.text.replace("@VERSION@", "000000") + _EDITED.replace("@ROUTES@", "app")
    (folder / FASTAPI_APP.saved).write_text(main)
    for number in _ROUTERS:
        part = folder / _part(number)
        more = _EDITED.replace("@ROUTES@", "router") + (_MODEL if number == _MODEL_IN else "")
        part.write_text(part.read_text() + more)


def measure(name: str, saves: int) -> dict[str, Row]:
    """Return what a server took for each edit, by the edit's name; nothing if it does not start."""
    with tempfile.TemporaryDirectory() as text:
        folder, port = Path(text, "project"), free_port()
        folder.mkdir()
        _make(folder)
        events = EventFile(Path(text, "events"))
        try:
            server = Server(_command(name, port, events), folder, port)
        except DidNotStart as error:
            print(f"{name} did not start: {error}", file=sys.stderr)
            return {}
        try:
            if name.startswith("devserver"):
                Preloading().wait(events)
            time.sleep(REST)
            return {edit.name: _series(folder, edit, port, saves, events) for edit in edits()}
        finally:
            server.stop()


def _command(name: str, port: int, events: EventFile) -> list[str]:
    if name.startswith("devserver"):
        warm = "off" if name.endswith("-cold") else "auto"
        options = ["--warm", warm, "--events", str(events.path), "--port", str(port)]
        return [sys.executable, "-m", "devserver", *options, FASTAPI_APP.target]
    module, more = ("uvicorn_hmr", []) if name == "uvicorn-hmr" else (name, ["--reload"])
    return [sys.executable, "-m", module, FASTAPI_APP.name, "--port", str(port), *more]


def _series(folder: Path, edit: Edit, port: int, saves: int, events: EventFile) -> Row:
    row, file = Row(), folder / edit.file
    lived = len(events.all("live"))
    for number in range(1, saves + 1):
        text = file.read_text()
        old, new = (edit.line.replace("@", _written(edit, each)) for each in (number - 1, number))
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {edit.file}"
        file.write_text(text.replace(old, new))
        took = _await(port, edit.path, number, row)
        if took is None:
            break
        row.times.append(took)
        time.sleep(REST)
    row.ways = {str(fact["way"]) for fact in events.all("live")[lived:]}
    return row


def _written(edit: Edit, number: int) -> str:
    return str(number) if edit.line.startswith("CONSTANT") else f"{number:06}"


def _await(port: int, path: str, number: int, row: Row) -> float | None:
    """Return the ms from now until the version answers; None: never."""
    saved = time.perf_counter()
    while time.perf_counter() < saved + PATIENCE:
        with contextlib.suppress(OSError):
            answer = get(port, path, PATIENCE)
            if answer.version == number:
                return (answer.at - saved) * 1000
            row.stale += answer.status == 200
        time.sleep(0.002)
    return None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--saves", type=int, default=5)
    parser.add_argument("--servers", default="devserver,devserver-cold,uvicorn,uvicorn-hmr")
    given = parser.parse_args()
    names = [name for name in given.servers.split(",") if version(name.removesuffix("-cold"))]
    load = f"{os.getloadavg()[0]:.1f}"
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; load {load}\n")
    results = {name: measure(name, given.saves) for name in names}
    print("| edit | " + " | ".join(names) + " |")
    print("|---|" + "---:|" * len(names))
    for edit in edits():
        cells = [str(results[name].get(edit.name, Row())) for name in names]
        print(f"| {edit.name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
