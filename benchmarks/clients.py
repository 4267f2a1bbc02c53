"""Clients that stay for a whole run and check what they get, over HTTP, WebSocket, event stream and TCP.

Law: each fault counts once. An answer that is missing, refused, cut, doubled, out of order, or from older
code than the one before it, is a fault.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from benchmarks.client import HOST, VERSION

PATIENCE = 30.0
"""Seconds that any single answer may take."""
GAP = 0.02
"""Seconds that a client rests between an answer and its next question."""


@dataclass
class Tally:
    """What the clients of one kind have had: latencies in ms, and faults in words."""

    latencies: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass
class Checked:
    """One client's view: versions never go back."""

    tally: Tally
    newest: int = 0

    def answered(self, data: bytes, began: float) -> None:
        """Take an answer, and note what is wrong with it. Raises ValueError if it names no version."""
        found = VERSION.search(data)
        if found is None:
            raise ValueError(f"no version in {data[:80]!r}")
        version = int(found[1])
        if version < self.newest:
            self.tally.faults.append(f"version {version} after {self.newest}")
        self.newest = version
        self.tally.latencies.append((time.perf_counter() - began) * 1000)


class Clients:
    """All the clients of a run; `tallies` by kind."""

    def __init__(self, http: int, tcp: int) -> None:
        self._http, self._tcp = http, tcp
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.tallies: dict[str, Tally] = {}

    def start(self, each: int) -> None:
        """Start `each` clients of every kind."""
        kinds: dict[str, Callable[[Tally], Awaitable[None]]] = {
            "HTTP request": self._ask,
            "WebSocket message": self._talk,
            "event": self._listen,
            "TCP line": self._lines,
        }
        for kind, run in kinds.items():
            tally = self.tallies[kind] = Tally()
            self._tasks += [asyncio.create_task(self._guarded(run, tally)) for _ in range(each)]

    async def stop(self) -> None:
        """Let each finish what it has asked, and leave."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _guarded(self, run: Callable[[Tally], Awaitable[None]], tally: Tally) -> None:
        while not self._stop.is_set():
            try:
                await run(tally)
            except (OSError, EOFError, ValueError, TimeoutError, WebSocketException) as error:
                tally.faults.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(GAP)

    async def _ask(self, tally: Tally) -> None:
        reader, writer = await asyncio.open_connection(HOST, self._http)
        checked = Checked(tally)
        while not self._stop.is_set():
            began = time.perf_counter()
            writer.write(f"GET / HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode())
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200"):
                raise ValueError(head.split(b"\r\n")[0].decode())
            checked.answered(body, began)
            await asyncio.sleep(GAP)
        writer.close()

    async def _talk(self, tally: Tally) -> None:
        async with connect(f"ws://{HOST}:{self._http}/ws") as socket:
            checked = Checked(tally)
            number = 0
            while not self._stop.is_set():
                number += 1
                began = time.perf_counter()
                await socket.send(str(number))
                async with asyncio.timeout(PATIENCE):
                    answer = str(await socket.recv())
                if answer.rsplit(maxsplit=1)[-1] != str(number):
                    raise ValueError(f"{answer!r} is no answer to {number}")
                checked.answered(answer.encode(), began)
                await asyncio.sleep(GAP)

    async def _listen(self, tally: Tally) -> None:
        reader, writer = await asyncio.open_connection(HOST, self._http)
        writer.write(f"GET /events HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        checked = Checked(tally)
        number = 0
        began = time.perf_counter()
        while not self._stop.is_set():
            async with asyncio.timeout(PATIENCE):
                line = await reader.readline()
            if not line:
                raise EOFError("the stream has ended")
            if line.startswith(b"id: "):
                number += 1
                if int(line[4:]) != number:
                    raise ValueError(f"event {line[4:]!r} where {number} was due")
            if line.startswith(b"data: "):
                checked.answered(line, began)
                began = time.perf_counter()
        writer.close()

    async def _lines(self, tally: Tally) -> None:
        reader, writer = await asyncio.open_connection(HOST, self._tcp)
        checked = Checked(tally)
        number = 0
        while not self._stop.is_set():
            number += 1
            began = time.perf_counter()
            writer.write(b"%d\n" % number)
            async with asyncio.timeout(PATIENCE):
                answer = await reader.readline()
            if answer.split()[-1:] != [b"%d" % number]:
                raise ValueError(f"{answer!r} is no answer to {number}")
            checked.answered(answer, began)
            await asyncio.sleep(GAP)
        writer.close()
