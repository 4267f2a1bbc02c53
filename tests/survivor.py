"""The app with a path for each thing that can be in flight, served; for the tests of what survives what."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from tests.harness import DevServer, Fact, serving

TEXT = (Path(__file__).parent / "apps" / "survivor.py").read_text()


def version(number: int, extra: str = "") -> str:
    """Return the app's source in that version."""
    return TEXT.replace("VERSION = 0", f"VERSION = {number}") + extra


@contextlib.contextmanager
def surviving(folder: Path, *options: str, gate: bool = True) -> Iterator[DevServer]:
    """Serve version 1 until the block ends. `gate`: make the FIFO that some paths wait for."""
    if gate:
        os.mkfifo(folder / "gate")
    (folder / ".env").write_text(f"GATE={folder / 'gate'}\n")
    with serving(folder, *options, text=version(1)) as server:
        server.wait("rolled")
        yield server


def save(server: DevServer, number: int) -> Fact:
    """Save a version, and wait until it is live."""
    return server.save_and_wait(version(number))


async def read_events(response: aiohttp.ClientResponse, stop: asyncio.Event) -> int:
    """Read an event stream until `stop`; every event comes once, in order. Return how many came."""
    newest = count = 0
    async for line in response.content:
        if line.startswith(b"data: "):
            event = json.loads(line[6:])
            count += 1
            assert event["number"] == count, "an event is lost or doubled"
            assert event["version"] >= newest, "an older event after a newer one"
            newest = event["version"]
        if stop.is_set():
            return count
    raise AssertionError("the stream has ended")


def open_gate(folder: Path) -> None:
    """Let the one who waits go on."""
    (folder / "gate").write_text("")
