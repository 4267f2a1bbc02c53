"""Many clients, many saves: every line is answered once, in order, by code that never goes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.harness import DEADLINE, Client, DevServer, answering, serving

CLIENTS = 200
SAVES = 50


async def chatter(port: int, stop: asyncio.Event, tally: list[int]) -> None:
    """Send numbered lines all the time, and check each answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number, newest = 0, 0
    while not stop.is_set():
        number += 1
        writer.write(b"%d\n" % number)
        async with asyncio.timeout(DEADLINE):
            answer = (await reader.readline()).decode().split()
        assert answer, "the connection was closed"
        version, echo = int(answer[0][1:]), int(answer[1])
        assert echo == number
        assert version >= newest, "an older answer after a newer one"
        newest = version
        await asyncio.sleep(0)
    tally.append(number)
    writer.close()
    await writer.wait_closed()


async def save_under_load(server: DevServer, port: int) -> list[int]:
    """Let the clients talk through all the saves; return how many lines each had answered."""
    stop = asyncio.Event()
    tally: list[int] = []
    clients = [asyncio.create_task(chatter(port, stop, tally)) for _ in range(CLIENTS)]
    for version in range(1, SAVES + 1):
        server.save(answering(f"v{version}"))
        await asyncio.to_thread(server.wait, "live")
        assert not any(client.done() for client in clients)
    stop.set()
    await asyncio.gather(*clients)
    return tally


def test_200_connections_through_50_saves(tmp_path: Path) -> None:
    """No line lost, none doubled, none out of order, no connection closed, versions never go back."""
    with serving(tmp_path, text=answering("v0")) as server:
        server.wait("rolled")
        tally = asyncio.run(save_under_load(server, server.port))
        assert len(tally) == CLIENTS
        assert min(tally) > 0
        assert server.past("lost") == []
        assert Client(server.port).ask("x") == f"v{SAVES} x"
        assert server.stop() == 0


def test_boots_slower_than_the_saves_keep_answering(tmp_path: Path) -> None:
    """An app that takes 3 s to import, saved each 2 s: lines are answered, and newer code comes through."""
    slow = "import time\ntime.sleep(3)"
    with serving(tmp_path, text=answering("v0")) as server:
        server.wait("rolled")
        asyncio.run(talk_while_saving(server, server.port, slow))
        assert server.stop() == 0


async def talk_while_saving(server: DevServer, port: int, slow: str) -> None:
    """Save every 2 s, five times, while a client sends a line every tenth of a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    versions: list[int] = []

    async def read() -> None:
        while line := await reader.readline():
            versions.append(int(line.split()[0][1:]))
            if versions[-1] == 5:
                return

    async def write() -> None:
        while True:
            writer.write(b"x\n")
            await asyncio.sleep(0.1)  # the client's pace, not a wait

    talking, reading = asyncio.create_task(write()), asyncio.create_task(read())
    for version in range(1, 6):
        server.save(answering(f"v{version}", extra=slow))
        await asyncio.sleep(2)  # the author's pace, not a wait
    async with asyncio.timeout(DEADLINE):
        await reading
    talking.cancel()
    writer.close()
    assert versions == sorted(versions)
    assert len(set(versions)) > 2, "code between the first and the last came through"
