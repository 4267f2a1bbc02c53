"""Reloads back to back under load: what fails, how long answers take, what the processes hold over time.

    python -m benchmarks.endurance [--write] [--reloads 1000] [--clients 5]

Needs Linux and `pip install -e '.[bench]'`. devserver serves one module with an ASGI app and TCP handlers
with two Workers, with preloading and then without. Each save comes as soon as the one before has answered.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import chart, processes, report
from benchmarks.apps import BARE
from benchmarks.client import free_port, get
from benchmarks.clients import Clients, Tally
from benchmarks.load import make_distribution, raise_limit
from benchmarks.server import EventFile, Preparation, Server

SAMPLES = 10
"""How often a run is looked at."""
MODULES = 200
"""Installed modules that the app imports."""
TAIL = """

from devserver import Lines

protocol = Lines()


def on_receive(conn, data):
    conn.send(f"{VERSION} {data.decode()}\\n")
"""
ROLES = ("master", "console", "manager", "worker")
HOW = """\
## Endurance

`python -m benchmarks.endurance --write`

One module with an ASGI app and TCP handlers, two Workers, a terminal.
The clients stay for the whole run and check every answer: none may be missing, refused, cut, doubled,
out of order, or from older code than the one before it.
A save comes as soon as the one before it has answered;
its fault is that the very next request was answered by older code.
"""


@dataclass
class Sample:
    """What the `count` processes of one role held together; memory is proportional."""

    mb: float = 0.0
    descriptors: int = 0
    threads: int = 0
    count: int = 0


@dataclass
class Run:
    """What one run has shown: ms from each save to its answer, and samples by reload and role."""

    title: str
    times: list[float] = field(default_factory=list)
    stale: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    samples: dict[int, dict[str, Sample]] = field(default_factory=dict)
    seconds: float = 0.0

    def text(self) -> str:
        """Return its tables."""
        counts = [
            ["save → answer", *_row(self.times), str(self.stale)],
            *([kind, *_row(tally.latencies), str(len(tally.faults))] for kind, tally in self.tallies.items()),
        ]
        head = ["", "answers", "median, ms", "99 %, ms", "longest, ms", "faults"]
        held = [
            [f"{number:,}", *(_held(sample) for sample in roles.values())]
            for number, roles in self.samples.items()
        ]
        words = sorted({fault for tally in self.tallies.values() for fault in tally.faults})
        return "\n".join(
            [
                f"### {self.title}\n",
                f"{len(self.times):,} reloads in {self.seconds:.0f} s.\n",
                report.table(head, counts),
                *(f"\nFaults: {'; '.join(words[:5])}." for _ in words[:1]),
                "\nMB (proportional) / descriptors / threads / processes, by role:\n",
                report.table(["reloads", *ROLES], held),
                "",
            ]
        )


def source(version: int) -> str:
    """Return the served module in that version."""
    text = BARE.replace("@VERSION@", f"{version:06}").replace(
        '"text": VERSION}', '"text": f"{VERSION} {message[\'text\']}"}'
    )
    return "".join(f"import bulk.module{number}\n" for number in range(MODULES)) + text + TAIL


def main() -> None:
    """Measure, and print or write."""
    parser = argparse.ArgumentParser(description="Reloads back to back under load.")
    parser.add_argument("--write", action="store_true", help="write docs/BENCHMARKS.md and its plots")
    parser.add_argument("--reloads", type=int, default=1000, help="for each run")
    parser.add_argument("--clients", type=int, default=5, help="of each kind")
    given = parser.parse_args()
    raise_limit()
    texts = [HOW, f"{report.machine()}; {given.clients} clients of each kind.\n"]
    plots = {}
    for key, title, options in (
        ("preloaded", f"With preloading of {MODULES} installed modules", ()),
        ("cold", "Without preloading", ("--preload", "off")),
    ):
        run = asyncio.run(_endure(title, options, given.reloads, given.clients))
        name = f"endurance-{key}"
        plots[name] = _plot(run)
        texts += [run.text(), f"{{plot:{name}}}", ""]
    report.publish("endurance", "\n".join(texts), plots, given.write)


async def _endure(title: str, options: Sequence[str], reloads: int, each: int) -> Run:
    report.progress(title)
    run = Run(title)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        site = make_distribution(folder, MODULES)
        (folder / "app").mkdir()
        saved = folder / "app" / "app.py"
        saved.write_text(source(1))
        events = EventFile(folder / "events.jsonl")
        http, tcp = free_port(), free_port()
        command = [sys.executable, "-m", "devserver", "--events", str(events.path), "--workers", "2"]
        command += ["--port", str(http), "--tcp", f"127.0.0.1:{tcp}", *options, "app.py"]
        server = Server(command, folder / "app", http, {"PYTHONPATH": str(site)})
        stack.callback(server.stop)
        if not options:
            Preparation().wait(events)
        clients = Clients(http, tcp)
        clients.start(each)
        began = time.monotonic()
        for number in range(1, reloads + 1):
            await _save(saved, http, number + 1, run)
            if number == 1 or number % max(reloads // SAMPLES, 1) == 0:
                run.samples[number] = await asyncio.to_thread(_look, server.process.pid)
        run.seconds = time.monotonic() - began
        await clients.stop()
        run.tallies = clients.tallies
    return run


async def _save(saved: Path, port: int, version: int, run: Run) -> None:
    """Save the next version, and take the time until the very next request is answered."""
    with saved.open("w") as file:
        file.write(source(version))
    began = time.perf_counter()
    answer = await asyncio.to_thread(get, port, "/", 30.0)
    run.times.append((answer.at - began) * 1000)
    run.stale += answer.version != version


def _look(root: int) -> dict[str, Sample]:
    """Return what the processes of each role hold now."""
    samples = {role: Sample() for role in ROLES}
    for pid in processes.tree(root):
        with contextlib.suppress(OSError):
            title = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace")
            role = title.removeprefix("devserver: ").split()[0] if title.startswith("devserver: ") else ""
            if role in samples:
                sample = samples[role]
                sample.mb += processes.own_memory(pid)
                sample.descriptors += len(os.listdir(f"/proc/{pid}/fd"))
                sample.threads += processes.threads(pid)
                sample.count += 1
    return samples


def _row(times: Sequence[float]) -> list[str]:
    if not times:
        return ["0", "–", "–", "–"]
    ordered = sorted(times)
    late = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return [f"{len(ordered):,}", f"{statistics.median(ordered):.1f}", f"{late:.1f}", f"{ordered[-1]:.0f}"]


def _held(sample: Sample) -> str:
    return f"{sample.mb:.0f} / {sample.descriptors} / {sample.threads} / {sample.count}"


def _plot(run: Run) -> str:
    series = {role: [(stop, roles[role].mb) for stop, roles in run.samples.items()] for role in ROLES}
    return chart.lines(f"{run.title}: memory of each role, MB", "reloads", series)


if __name__ == "__main__":
    main()
