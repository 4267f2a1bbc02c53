"""devserver beside the servers that people reload with, on the same apps, on one machine, in one run.

    python -m benchmarks.duel [--write] [--saves 20] [--budget 24] [--apps bare,django] [--servers uvicorn,…]

Needs Linux and `pip install -e '.[bench]'`; a server or an app whose packages are missing is left out, and
that is said. Servers are measured one after another, each on a terminal of its own of 100 × 30.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import chart, probes, processes, report, saves
from benchmarks.apps import BARE_APP, FLASK_APP, IMPORT_ERROR, SYNTAX_ERROR, App
from benchmarks.peers import ONE_ONLY, PEERS, Peer, missing
from benchmarks.projects import DJANGO_APP, FASTAPI_APP
from benchmarks.server import DidNotStart, Preparation
from benchmarks.trial import Trial

APPS = (BARE_APP, FASTAPI_APP, FLASK_APP, DJANGO_APP)
IDLE = 10.0
MANY = 4
NONE = "–"
LIBRARIES = ("fastapi", "sqlalchemy", "pandas", "watchfiles", "watchdog", "uvloop")
HOW = """\
## Beside other servers

`python -m benchmarks.duel --write`

Each server runs on a terminal of its own, with reload on and all else as it comes; devserver draws its
console there. `flask run` reloads with what it has when it is installed alone: without watchdog. A file is
saved (opened, written, closed) again and again: when the server is at rest, and then up to a second later,
for some look once a second.

- *save → new code answers*: from `close()` of the saved file to the first byte of the first answer of the new
  code. A client asks over a new connection each time, 2 ms after the last answer; another asks each 10 ms
  over one that it keeps.
- *the next request is fresh*: the first one that was sent after `close()` was answered by the new code.
- *refused + failed*: of all those requests, in all saves: connection refused; cut without an answer, not
  answered within 4 s, or answered with 5xx.
- *WebSocket, event stream, request in flight*: one is open (the request takes 2 s), a file is saved. When the
  new code answers (or has not for 5 s: the reload hangs) the open one is looked at.
- *while there is a syntax error, an import error*: 20 requests from 1.5 s after the save on; answered is 200
  within 2 s. Then a good save must answer within 4 s, or the server is restarted.
- *two saves of one size in one second*: 0.7 s apart, twice; is the second what answers in the end?
- *start-up*: from the start of the process to the first 200. *Memory*: proportional set size of all its
  processes, at rest. *Idle*: processor time of all its processes over 10 s.
"""
Cells = dict[str, str]


def main() -> None:
    """Measure, and print or write."""
    given = _arguments()
    machine, began = report.machine(), time.monotonic()
    parts, plots = [HOW, f"{machine}.\n"], {}
    peers = [peer for peer in PEERS if not given.servers or peer.name in given.servers.split(",")]
    parts.append(f"{report.versions([peer.distribution for peer in peers])}; {report.versions(LIBRARIES)}.\n")
    preparation = Preparation()
    for app in [app for app in APPS if not given.apps or app.key in given.apps.split(",")]:
        parts.append(f"### {app.title}\n")
        if lacking := missing(app.needs):
            parts.append(f"Left out: not installed: {', '.join(lacking)}.\n")
            continue
        with tempfile.TemporaryDirectory() as folder:
            duel = Duel(app, Path(folder), preparation)
            for peer in [peer for peer in peers if app.interface in peer.interfaces]:
                duel.run(peer, given.saves, given.budget)
            duel.measure_idle()
        parts.append(duel.told())
        if duel.bars:
            plots[f"duel-{app.key}"] = chart.bars(f"Save → new code answers: {app.title}", duel.bars, "ms")
    parts.append("daphne has no reload of its own and is left out; Django's runserver has one.\n")
    report.progress(f"{time.monotonic() - began:.0f} s")
    report.publish("duel", "\n".join(parts), plots, given.write)


class Duel:
    """All servers on one app."""

    def __init__(self, app: App, folder: Path, preparation: Preparation) -> None:
        self.app, self.folder, self._preparation = app, folder, preparation
        self.bars: list[tuple[str, float, float]] = []
        self._columns: dict[str, Cells] = {}
        self._remarks: list[str] = []
        self._peers: list[Peer] = []

    def run(self, peer: Peer, count: int, budget: float) -> None:
        """Measure everything about one server but what it costs when idle."""
        report.progress(f"{self.app.key}: {peer.title}")
        if lacking := missing((peer.distribution, *peer.needs)):
            self._remarks.append(f"{peer.name} is left out: not installed: {', '.join(lacking)}")
            return
        trial = self._trial(peer, "alone")
        cells: Cells = {}
        try:
            memory = self._memory_of_many(trial)
            trial.start()
            alone = processes.memory(trial.server.process.pid)
            self._save(trial, cells, count, budget)
            if self.app.everything:
                self._probe(trial, cells)
            cells["start-up, ms"] = f"{statistics.median(trial.startups):.0f}"
            cells["memory, one Worker, MB"] = f"{alone:.0f}"
            cells[f"memory, {MANY} Workers, MB"] = memory
        except DidNotStart as error:
            report.progress(str(error))
            trial.remark("did not start")
        finally:
            trial.stop()
        self._peers.append(peer)
        self._columns[peer.name] = cells
        self._remarks += [f"{peer.name} {remark}" for remark in trial.remarks]

    def measure_idle(self) -> None:
        """Let all servers idle together, and note what each takes."""
        report.progress(f"{self.app.key}: idle")
        with contextlib.ExitStack() as stack:
            trials = list(self._start_all(stack))
            time.sleep(1.0)
            before = [processes.processor_time(trial.server.process.pid) for trial in trials]
            time.sleep(IDLE)
            for trial, earlier in zip(trials, before, strict=True):
                used = processes.processor_time(trial.server.process.pid) - earlier
                self._columns[trial.peer.name]["idle, % of a core"] = f"{used / IDLE * 100:.1f}"

    def told(self) -> str:
        """Return the table, the plot's place, and what the table has no room for."""
        names = dict.fromkeys(name for cells in self._columns.values() for name in cells)
        rows = [[name, *(cells.get(name, NONE) for cells in self._columns.values())] for name in names]
        remarks = "".join(f"- {remark}.\n" for remark in self._remarks)
        return "\n".join(
            [report.table(["", *self._columns], rows), "", f"{{plot:duel-{self.app.key}}}", "", remarks]
        )

    def _trial(self, peer: Peer, name: str) -> Trial:
        folder = self.folder / f"{peer.name.replace(' ', '-')}-{name}" / "app"
        self.app.create(folder, 1)
        return Trial(peer, self.app, folder, self._preparation)

    def _start_all(self, stack: contextlib.ExitStack) -> Iterator[Trial]:
        for peer in self._peers:
            trial = self._trial(peer, "idle")
            stack.callback(trial.stop)
            with contextlib.suppress(DidNotStart):
                trial.start()
                yield trial

    def _memory_of_many(self, trial: Trial) -> str:
        if trial.peer.many == ONE_ONLY:
            return ONE_ONLY
        trial.start(MANY)
        memory = processes.memory(trial.server.process.pid)
        trial.stop()
        return f"{memory:.0f}{f' ({trial.peer.many})' if trial.peer.many else ''}"

    def _save(self, trial: Trial, cells: Cells, count: int, budget: float) -> None:
        found = saves.measure(trial, count, budget)
        if found.times:
            self.bars.append((trial.peer.name, found.median, found.longest))
        cells["save → new code answers, median, ms"] = f"**{found.median:.0f}**" if found.times else "never"
        cells["… maximum, ms"] = f"{found.longest:.0f}" if found.times else NONE
        cells["… saves"] = str(found.saved)
        cells["the next request is fresh"] = f"{found.fresh} of {found.saved}"
        cells["requests refused + failed"] = f"{found.refused} + {found.failed}"
        kept = f"{found.kept} of {found.saved}" if found.offered else "none is kept"
        cells["keep-alive connection survives"] = kept

    def _probe(self, trial: Trial, cells: Cells) -> None:
        if self.app.websocket:
            cells["WebSocket"] = probes.websocket(trial)
        cells["event stream with ids"] = probes.event_stream(trial)
        cells["request in flight"] = probes.in_flight(trial)
        cells["answered while there is a syntax error"] = probes.broken(trial, SYNTAX_ERROR, "a syntax error")
        cells["… an import error"] = probes.broken(trial, IMPORT_ERROR, "an import error")
        cells["two saves of one size in one second: the second answers"] = probes.pairs(trial)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="devserver beside other servers.")
    parser.add_argument("--write", action="store_true", help="write docs/BENCHMARKS.md and its plots")
    parser.add_argument("--saves", type=int, default=20, help="for each server and app")
    parser.add_argument("--budget", type=float, default=24.0, help="seconds that these saves may take in all")
    parser.add_argument("--apps", help=f"of {','.join(app.key for app in APPS)}")
    parser.add_argument("--servers", help=f"of {','.join(peer.name for peer in PEERS)}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
