"""How long from a save to the first answer of its code, by what is edited and where.

    python -m benchmarks.edits [--saves 5] [--apps fastapi,django] [--servers devserver,uvicorn] [--write]

Each app (benchmarks/edit_apps.py) is served by one server after the other, on a terminal, with reloading on.
`devserver --warm off` is devserver without its images. uvicorn-hmr needs Python 3.12.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import report
from benchmarks.chart import bars
from benchmarks.client import free_port, get
from benchmarks.edit_apps import EDITED_APPS, Edit, EditedApp
from benchmarks.peers import DEVSERVER, PEERS, UVICORN_HMR, Peer, missing
from benchmarks.server import DidNotStart, EventFile, Preparation, Server

PATIENCE = 10.0
"""Seconds in which the new code has to answer; no further save of that edit is measured else."""
REST = 1.0
"""Seconds between two saves."""
COLD = "devserver --warm off"
SERVERS = (DEVSERVER.name, COLD, "uvicorn", "granian", UVICORN_HMR.name, "flask run", "runserver")
PLOTTED = (("fastapi", "body, router 26"), ("fastapi", "constant, router 26"), ("django", "body, a view"))
HOW = f"""\
## What a save costs, by what is edited

`python -m benchmarks.edits --write`

A file is saved, {REST:g} s after the last answer; medians in ms from the save to the first answer of its
code. A client asks over a new connection each time, 2 ms after the last answer. In brackets which way
devserver took ([WARM.md](WARM.md)); *boot* runs all modules. *Stale*: answers of older code that came after
the saves of that row. *Never*: not within {PATIENCE:g} s.
"""


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


Results = dict[str, dict[str, Row]]
"""By server and edit."""


def measure(name: str, app: EditedApp, saves: int) -> dict[str, Row]:
    """Return what a server took for each edit, by the edit's name; nothing if it does not start."""
    report.progress(f"{app.key}: {name}")
    with tempfile.TemporaryDirectory() as text:
        folder, port = Path(text, "project"), free_port()
        folder.mkdir()
        app.make(folder)
        events = EventFile(Path(text, "events"))
        try:
            peer = _peer(name)
            server = Server(_command(name, app, port, events), folder, port, peer.environment(Path(text)))
        except DidNotStart as error:
            report.progress(f"{name} did not start: {error}")
            return {}
        try:
            if name in (DEVSERVER.name, COLD):
                Preparation().wait(events)
            time.sleep(REST)
            return {edit.name: _series(folder, edit, port, saves, events) for edit in app.edits}
        finally:
            server.stop()


def _command(name: str, app: EditedApp, port: int, events: EventFile) -> list[str]:
    command = _peer(name).start_with(app, port, 1)
    if name not in (DEVSERVER.name, COLD):
        return command
    return [*command, "--warm", "off" if name == COLD else "auto", "--events", str(events.path)]


def _peer(name: str) -> Peer:
    return next((peer for peer in PEERS if peer.name == name), DEVSERVER)


def _series(folder: Path, edit: Edit, port: int, saves: int, events: EventFile) -> Row:
    row = Row()
    lived = len(events.all("live"))
    for number in range(1, saves + 1):
        edit.save(folder, number)
        took = _await(port, edit.asked(number), number, row)
        if took is None:
            break
        row.times.append(took)
        time.sleep(REST)
    row.ways = {str(fact["way"]) for fact in events.all("live")[lived:]}
    return row


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


def _servers(app: EditedApp, wanted: Sequence[str]) -> list[str]:
    """Return which of the wanted servers can serve the app and are installed."""
    peers = [
        peer
        for peer in PEERS
        if peer.name in wanted
        and app.interface in peer.interfaces
        and not missing((peer.distribution, *peer.needs))
    ]
    names = {peer.name for peer in peers} | {COLD}
    return [name for name in wanted if name in names]


def _table(app: EditedApp, results: Results) -> str:
    rows = [
        [edit.name, *(str(rows.get(edit.name, Row())) for rows in results.values())] for edit in app.edits
    ]
    return report.table(["edit", *results], rows)


def _plot(edit: str, title: str, results: Results) -> str:
    rows = {name: rows[edit] for name, rows in results.items() if edit in rows and rows[edit].times}
    measured = [(name, statistics.median(row.times), max(row.times)) for name, row in rows.items()]
    return bars(f"{title}: {edit}", measured, "ms")


def main() -> None:
    """Measure, and print or write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--saves", type=int, default=5)
    parser.add_argument("--apps", default=",".join(app.key for app in EDITED_APPS))
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--write", action="store_true", help="into docs/BENCHMARKS.md")
    given = parser.parse_args()
    began = time.monotonic()
    machine = report.machine()
    texts, plots = [HOW, f"{machine}.\n"], {}
    for app in EDITED_APPS:
        if app.key not in given.apps.split(",") or missing(app.needs):
            continue
        results = {name: measure(name, app, given.saves) for name in _servers(app, given.servers.split(","))}
        texts += [f"### {app.title}\n", _table(app, results), ""]
        for key, edit in PLOTTED:
            if key == app.key:
                name = f"edits-{key}-{edit.partition(',')[0]}"
                plots[name] = _plot(edit, app.title.partition(":")[0], results)
                texts += [f"{{plot:{name}}}", ""]
    report.progress(f"{time.monotonic() - began:.0f} s")
    report.publish("edits", "\n".join(texts), plots, given.write)


if __name__ == "__main__":
    main()
