"""How the cost of a reload grows: with imported packages, watched files, open connections, Workers.

    python -m benchmarks.growth [--write] [--saves 15] [--parts modules,files,connections,workers]

Needs Linux and `pip install -e '.[bench]'`. devserver serves a bare ASGI app on a terminal, with its console;
medians of the time from a save to the new code's answer, as `benchmarks.duel` takes it.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import chart, processes, report, saves
from benchmarks.apps import BARE_APP, App
from benchmarks.load import Connections, add_files, make_distribution, raise_limit
from benchmarks.peers import DEVSERVER, PEERS, Peer, missing
from benchmarks.server import Preparation
from benchmarks.trial import Trial

MODULES = (0, 100, 300, 1000)
FILES = (100, 1000, 10_000, 100_000)
CONNECTIONS = (0, 100, 1000, 5000)
WORKERS = (1, 2, 4, 8)
BUDGET = 12.0
"""Seconds for the saves of one point."""
ANSWERS = "save → new code answers, ms"
HOW = """\
## As things grow

`python -m benchmarks.growth --write`

devserver serves the bare ASGI app on a terminal.
Each point is a median: of the time from `close()` of the saved
file to the first byte of the new code's answer, unless it says otherwise.
"""


@dataclass(frozen=True)
class Found:
    """One part's results: rows by the quantity that grows, and what is drawn of them."""

    title: str
    across: str
    rows: Mapping[int, Mapping[str, float]]
    drawn: Sequence[str]
    note: str

    def table(self) -> str:
        """Return the rows as a table."""
        names = list(dict.fromkeys(name for row in self.rows.values() for name in row))
        rows = [
            [f"{stop:,}", *(f"{row[name]:.0f}" if name in row else "–" for name in names)]
            for stop, row in self.rows.items()
        ]
        return report.table([self.across, *names], rows)

    def plot(self) -> str:
        """Return the drawing."""
        series = {
            name: [(stop, row[name]) for stop, row in self.rows.items() if name in row] for name in self.drawn
        }
        return chart.lines(
            self.title, self.across, {name: points for name, points in series.items() if points}
        )


def main() -> None:
    """Measure, and print or write."""
    parts: dict[str, Callable[[Growth], Found]] = {
        "modules": Growth.modules,
        "files": Growth.files,
        "connections": Growth.connections,
        "workers": Growth.workers,
    }
    parser = argparse.ArgumentParser(description="How the cost of a reload grows.")
    parser.add_argument("--write", action="store_true", help="write docs/BENCHMARKS.md and its plots")
    parser.add_argument("--saves", type=int, default=15, help="for each point")
    parser.add_argument("--parts", default=",".join(parts))
    given = parser.parse_args()
    raise_limit()
    began = time.monotonic()
    texts = [
        HOW,
        f"{report.machine()}.\n",
        f"{report.versions(('devserver', 'uvicorn', 'watchdog', 'uvloop'))}.\n",
    ]
    plots = {}
    growth = Growth(given.saves)
    for name in given.parts.split(","):
        found = parts[name](growth)
        plots[f"growth-{name}"] = found.plot()
        texts += [f"### {found.title}\n", found.note, "", found.table(), "", f"{{plot:growth-{name}}}", ""]
    report.progress(f"{time.monotonic() - began:.0f} s")
    report.publish("growth", "\n".join(texts), plots, given.write)


class Growth:
    """Measures one part after another."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._preparation = Preparation()

    def modules(self) -> Found:
        """Grow the number of modules that the app imports from an installed distribution."""
        rows: dict[int, dict[str, float]] = {}
        uvicorn = next(peer for peer in PEERS if peer.name == "uvicorn")
        peers = [DEVSERVER, *([] if missing(uvicorn.needs) else [uvicorn])]
        with tempfile.TemporaryDirectory() as folder:
            site = make_distribution(Path(folder), max(MODULES))
            for stop in MODULES:
                imports = "".join(f"import bulk.module{number}\n" for number in range(stop))
                app = replace(BARE_APP, text=imports + BARE_APP.text, needs=("bulk",))
                for peer in peers:
                    name, more = f"{stop} modules, {peer.name}", {"PYTHONPATH": str(site)}
                    with self._serving(name, app, peer, more) as trial:
                        rows.setdefault(stop, {})[f"{peer.name}, ms"] = self._save(trial)
        note = (
            "An installed distribution of small modules, all imported by the saved file.\n"
            "Times are from a save to the new code's answer."
        )
        drawn = [f"{peer.name}, ms" for peer in peers]
        return Found("Imported third-party modules", "modules", rows, drawn, note)

    def files(self) -> Found:
        """Grow the number of Python files in the watched tree, in folders of 100."""
        rows: dict[int, dict[str, float]] = {}
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "app"
            BARE_APP.create(place, 1)
            for before, stop in zip((0, *FILES), FILES, strict=False):
                add_files(place, before, stop)
                trial = Trial(DEVSERVER, BARE_APP, place, self._preparation)
                with self._running(f"{stop} files", trial):
                    master = trial.server.process.pid
                    rows[stop] = {
                        ANSWERS: self._save(trial),
                        "start-up, ms": trial.startups[0],
                        "threads of the Master": processes.threads(master),
                        "inotify watches": processes.inotify_watches(master),
                    }
        note = (
            "None of these files is imported; 100 lie in each folder, and the folders lie in folders of 100."
        )
        return Found("Files in the watched tree", "files", rows, (ANSWERS, "start-up, ms"), note)

    def connections(self) -> Found:
        """Grow the number of connections at rest."""
        rows: dict[int, dict[str, float]] = {}
        for stop in CONNECTIONS:
            name = f"{stop} connections"
            with self._serving(name, BARE_APP) as trial, Connections(trial.port, stop) as connections:
                rows[stop] = {ANSWERS: self._save(trial), "answer after it all": connections.alive()}
        note = (
            "Keep-alive connections, each of which has had one answer; each asks again after all the saves."
        )
        return Found("Open connections", "connections", rows, (ANSWERS,), note)

    def workers(self) -> Found:
        """Grow the number of Workers."""
        rows: dict[int, dict[str, float]] = {}
        for stop in WORKERS:
            with self._serving(f"{stop} Workers", BARE_APP, workers=stop) as trial:
                answers = self._save(trial)
                rows[stop] = {ANSWERS: answers, "notice → every Worker runs it, ms": _rolled(trial)}
        note = "Live is when the first Worker has it; the others follow one by one (by its own account)."
        return Found("Workers", "Workers", rows, tuple(rows[WORKERS[0]]), note)

    @contextlib.contextmanager
    def _serving(
        self,
        what: str,
        app: App,
        peer: Peer = DEVSERVER,
        more: dict[str, str] | None = None,
        workers: int = 1,
    ) -> Iterator[Trial]:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "app"
            app.create(place, 1)
            trial = Trial(peer, app, place, self._preparation, more)
            with self._running(what, trial, workers):
                yield trial

    @contextlib.contextmanager
    def _running(self, what: str, trial: Trial, workers: int = 1) -> Iterator[None]:
        report.progress(what)
        trial.jitter = 0.2
        try:
            trial.start(workers)
            yield
        finally:
            trial.stop()

    def _save(self, trial: Trial) -> float:
        return saves.measure(trial, self._count, BUDGET).median


def _rolled(trial: Trial) -> float:
    """Return the median of the ms from a save's notice until every Worker runs it."""
    noticed = {fact["generation"]: fact["at"] - fact["total_ms"] / 1000 for fact in trial.events.all("live")}
    trial.events.wait("rolled", generation=max(noticed))
    rolled = {fact["generation"]: fact["at"] for fact in trial.events.all("rolled")}
    times: list[float] = [(rolled[number] - at) * 1000 for number, at in noticed.items() if number in rolled]
    return statistics.median(times[1:] or times)  # the first is the start


if __name__ == "__main__":
    main()
