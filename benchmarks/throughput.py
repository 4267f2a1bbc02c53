"""Requests per second beside uvicorn, in one run on one machine, everything of devserver's switched on.

    python benchmarks/throughput.py [--seconds 5] [--rounds 3]

Needs `wrk`. Two questions: what does the way through the Master cost a bare ASGI app (one Worker), and what
do two Workers gain for an app that computes for 2 ms a request? The servers run one after another in each
round, never at once. Medians are printed, and the processor time that each process of devserver takes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

APP = """\
import time

async def app(scope, receive, send):
    assert scope["type"] == "http"
    end = time.thread_time() + {work}
    while time.thread_time() < end:
        pass
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    await send({{"type": "http.response.body", "body": b"hello"}})
"""
PATIENCE = 20.0
TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Requests per second beside uvicorn.")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    uvicorn = [sys.executable, "-m", "uvicorn", "app:app", "--port"]
    ours = [sys.executable, "-m", "devserver", "--plain", "app.py", "--port"]
    quiet = ["--no-access-log"]
    compare("bare app, access log off", 0, [*uvicorn, "{}", *quiet], [*ours, "{}", *quiet], given)
    compare("bare app, access log on", 0, [*uvicorn, "{}"], [*ours, "{}"], given)
    reload = [*uvicorn, "{}", "--reload"]
    compare("2 ms of work, 2 Workers", 0.002, reload, [*ours, "{}", "--workers", "2"], given)


def compare(title: str, work: float, theirs: list[str], ours: list[str], given: argparse.Namespace) -> None:
    """Print the medians of both, and the ratio."""
    rates: dict[str, list[float]] = {"uvicorn": [], "devserver": []}
    costs: list[dict[str, float]] = []
    for _ in range(given.rounds):
        for name, command in (("uvicorn", theirs), ("devserver", ours)):
            rate, cost = measure(command, work, given.seconds)
            rates[name].append(rate)
            if name == "devserver":
                costs.append(cost)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    spread = ", ".join(f"{name} {min(found):.0f}-{max(found):.0f}" for name, found in rates.items())
    ratio = medians["devserver"] / medians["uvicorn"]
    print(
        f"{title}: uvicorn {medians['uvicorn']:.0f}/s, devserver {medians['devserver']:.0f}/s: "
        f"{ratio:.2f} times ({spread})"
    )
    for name in costs[0]:
        print(f"    {name}: {statistics.median(cost[name] for cost in costs):.0f} us a request")


def measure(command: list[str], work: float, seconds: int) -> tuple[float, dict[str, float]]:
    """Return requests per second, and processor time a request in us, by process."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        (Path(folder) / "app.py").write_text(APP.format(work=work))
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        with running([part.format(port) for part in command], folder) as server:
            await_port(port)
            run_wrk(port, 1)
            before = processor_times(server.pid)
            requests, rate = run_wrk(port, seconds)
            after = processor_times(server.pid)
    return rate, {name: (after[name] - before.get(name, 0)) / requests * 1e6 for name in after}


@contextlib.contextmanager
def running(command: list[str], folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends."""
    null = subprocess.DEVNULL
    server = subprocess.Popen(command, cwd=folder, stdin=null, stdout=null, stderr=null)
    try:
        yield server
    finally:
        server.terminate()
        server.wait(PATIENCE)


def await_port(port: int) -> None:
    """Return when a request is answered."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as client:
            client.settimeout(PATIENCE)
            client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            if client.recv(64).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.05)
    sys.exit("a server did not come up")


def run_wrk(port: int, seconds: int) -> tuple[int, float]:
    """Return how many requests were answered, and how many a second. Stops at an answer that is not 200."""
    command = ["wrk", "-t1", "-c32", "--timeout", "20s", f"-d{seconds}", f"http://127.0.0.1:{port}/"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        sys.exit(f"not every request was answered with 200:\n{told}")
    requests = re.search(r"(\d+) requests in", told)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert requests is not None
    assert rate is not None
    return int(requests[1]), float(rate[1])


def processor_times(root: int) -> dict[str, float]:
    """Return the seconds of processor time of a process and its descendants, by name."""
    times: dict[str, float] = {}
    for pid in [root, *descendants(root)]:
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{pid}/stat").read_text()
            name = line[line.index("(") + 1 : line.rindex(")")]
            fields = line.rpartition(")")[2].split()
            title = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode() or name
            used = (int(fields[11]) + int(fields[12])) / TICK
            times[title] = times.get(title, 0) + used
    return {name: used for name, used in times.items() if "devserver" in name}


def descendants(pid: int) -> Iterator[int]:
    """Yield children, their children and so on."""
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(child)
            yield from descendants(int(child))


if __name__ == "__main__":
    main()
