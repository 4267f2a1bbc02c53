"""How long from the close() of a saved file to the first byte of the new answer, on an open connection.

    python benchmarks/save_to_answer.py [--saves 100] [--pause 0.2] [-- OPTIONS OF devserver]

Starts the real command on a line handler in a temporary folder, saves it again and again, and sends a line
at once after each save. Prints the machine, the distribution, and where the time went by its own account.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HANDLERS = """\
from devserver import Lines
protocol = Lines()
def on_receive(conn, data):
    conn.send("{version}\\n")
"""
PATIENCE = 30.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time from a save to the new code's answer.")
    parser.add_argument("--saves", type=int, default=100)
    parser.add_argument(
        "--pause", type=float, default=0.2, help="seconds between an answer and the next save"
    )
    parser.add_argument("options", nargs="*", help="options of devserver, after --")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times, steps = measure(Path(folder), given.saves, given.pause, given.options)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{len(times)} saves, {given.pause:g} s apart; stale answers: 0")
    ranks = statistics.quantiles(times, n=10)
    print(
        f"save to answer: median {statistics.median(times):.1f} ms, p90 {ranks[8]:.1f}, max {max(times):.1f}"
    )
    print(
        "of that, medians: " + ", ".join(f"{name} {statistics.median(ms):.1f}" for name, ms in steps.items())
    )


def measure(
    folder: Path, saves: int, pause: float, options: list[str]
) -> tuple[list[float], dict[str, list[float]]]:
    """Return the times in ms, and those of each step. Stops with an error at the first stale answer."""
    target = folder / "handlers.py"
    target.write_text(HANDLERS.format(version=0))
    command = [
        sys.executable,
        "-m",
        "devserver",
        "--plain",
        "--tcp",
        "127.0.0.1:0",
        "--port",
        "0",
        "--events",
        "-",
    ]
    server = subprocess.Popen(
        [*command, *options, "handlers.py"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        facts = events(server)
        ready = next(fact for fact in facts if fact["event"] == "ready")
        tcp = next(listener for listener in ready["listeners"] if listener["kind"] == "tcp")
        next(fact for fact in facts if fact["event"] == "rolled")
        times: list[float] = []
        steps: dict[str, list[float]] = {}
        with socket.create_connection(("127.0.0.1", tcp["port"]), PATIENCE) as client:
            for version in range(1, saves + 1):
                times.append(save_and_ask(target, version, client))
                live = next(fact for fact in facts if fact["event"] == "live")
                for name, ms in live["steps"].items():
                    steps.setdefault(name, []).append(ms)
                time.sleep(pause)
        return times, steps
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=PATIENCE)


def save_and_ask(target: Path, version: int, client: socket.socket) -> float:
    """Save, send a line, and return the ms until the new answer's first byte."""
    target.write_text(HANDLERS.format(version=version))
    saved = time.perf_counter()
    client.sendall(b"x\n")
    answer = client.recv(64)
    elapsed = (time.perf_counter() - saved) * 1000
    if answer.strip() != str(version).encode():
        sys.exit(f"a stale answer after save {version}: {answer!r}")
    return elapsed


def events(server: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the server's events."""
    assert server.stdout is not None
    for line in server.stdout:
        yield json.loads(line)


if __name__ == "__main__":
    main()
