"""Real clients for the end-to-end tests: requests, event streams, WebSockets, and over which connection."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.harness import DEADLINE, DevServer, overwrite

APPS = Path(__file__).parent / "apps"


def project(folder: Path, name: str) -> Path:
    """Copy one of the apps; return its folder."""
    return Path(
        shutil.copytree(APPS / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3"))
    )


def edit(file: Path, old: str, new: str) -> None:
    """Replace the one `old` in a file by `new`, and save it."""
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
    overwrite(file, text.replace(old, new))


@contextlib.contextmanager
def browsing(server: DevServer) -> Iterator[httpx.Client]:
    """Return a client that keeps its connections open."""
    base, limits = f"http://127.0.0.1:{server.http_port}", httpx.Limits(keepalive_expiry=None)
    with httpx.Client(base_url=base, timeout=DEADLINE, limits=limits) as client:
        yield client


def connection_of(response: httpx.Response) -> tuple[str, int]:
    """Return the client's end of the connection that a response came over."""
    address = response.extensions["network_stream"].get_extra_info("client_addr")
    return str(address[0]), int(address[1])


class EventSource:
    """Reads server-sent events from one response, which is never asked for again."""

    def __init__(self, response: httpx.Response) -> None:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        self._lines = response.iter_lines()
        self.comments: list[str] = []

    def next(self) -> dict[str, str]:
        """Return the next event, field by field; an empty one when the response has ended."""
        event: dict[str, str] = {}
        for line in self._lines:
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(":")
                event[name] = value.removeprefix(" ")
            elif event:
                return event
        return {}

    def until(self, text: str, limit: int = 10_000) -> list[dict[str, str]]:
        """Return the events up to the first whose data begins with `text`, that one included."""
        events = []
        for _ in range(limit):
            events.append(self.next())
            if events[-1]["data"].startswith(text):
                return events
        raise AssertionError(f"no event with {text!r} among {limit}, the last is {events[-1]}")


@contextlib.contextmanager
def events_of(
    client: httpx.Client, path: str, headers: dict[str, str] | None = None
) -> Iterator[EventSource]:
    """Ask for an event stream."""
    with client.stream("GET", path, headers=headers) as response:
        yield EventSource(response)


def websocket(server: DevServer, path: str, **settings: Any) -> ClientConnection:
    """Open a WebSocket; it does not connect again by itself."""
    socket: ClientConnection = connect(
        f"ws://127.0.0.1:{server.http_port}{path}", open_timeout=DEADLINE, proxy=None, **settings
    )
    return socket


def ask(socket: ClientConnection, message: str | bytes) -> str | bytes:
    """Send a message and return the next one."""
    socket.send(message)
    return socket.recv(timeout=DEADLINE)


class Curl:
    """`curl` with two requests in one process, the second of which waits until `go_on`."""

    def __init__(self, folder: Path, server: DevServer, path: str) -> None:
        self._gate = folder / "curl-gate"
        os.mkfifo(self._gate)
        url = f"http://127.0.0.1:{server.http_port}{path}"
        note = "%{stderr}\n%{http_code} %{num_connects}\n"  # stdout would be buffered until the end
        options = ["-sSN", "-o", "/dev/stderr", "-w", note, "--max-time", str(DEADLINE)]
        # It opens what it uploads when the second request's turn has come, and a FIFO makes it wait there.
        self._process = subprocess.Popen(
            ["curl", *options, url, "--next", *options, "-T", str(self._gate), url],
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> tuple[str, int, int]:
        """Return the next body of one line, its status, and how many connections it needed."""
        assert self._process.stderr is not None
        body = self._process.stderr.readline().strip()
        status, connects = self._process.stderr.readline().split()
        return body, int(status), int(connects)

    def go_on(self, data: str) -> None:
        """Let the second request be sent, a PUT with that body; the app has to read it before it answers."""
        self._gate.write_text(data)

    def close(self) -> int:
        """Return the exit code."""
        assert self._process.stderr is not None
        self._process.stderr.close()
        return self._process.wait(DEADLINE)


def stop_well(server: DevServer) -> None:
    """Stop the server; every Worker leaves by itself, unhurried. Exit code 3: its code was refused."""
    assert server.stop() == 0
    reasons = {fact["reason"] for fact in server.past("worker-exited")}
    assert reasons <= {"exit 0", "exit 3"}, server.story()
