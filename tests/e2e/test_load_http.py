"""Keep-alive requests, WebSockets and event streams under steady load, and a save again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness import DEADLINE, DevServer
from tests.survivor import read_events, surviving, version

CLIENTS = SOCKETS = 50
STREAMS = 20
SAVES = 50


class Load:
    """Fifty clients of each kind, checking each answer; `tally` counts what each has got."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.stop = asyncio.Event()
        self.tally: dict[str, list[int]] = {"requests": [], "messages": [], "events": []}

    async def run(self, saves: Coroutine[Any, Any, None]) -> None:
        """Keep all of them busy while `saves` runs."""
        timeout = aiohttp.ClientTimeout(total=None, sock_read=DEADLINE)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(self.url, connector=connector, timeout=timeout) as session:
            kinds = [(self.ask, CLIENTS), (self.talk, SOCKETS), (self.listen, STREAMS)]
            tasks = [asyncio.create_task(kind(session)) for kind, count in kinds for _ in range(count)]
            saving = asyncio.create_task(saves)
            done, _ = await asyncio.wait({saving, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            self.stop.set()
            assert done == {saving}, [task.exception() for task in done - {saving}]
            await saving
            await asyncio.gather(*tasks)

    async def ask(self, _shared: aiohttp.ClientSession) -> None:
        """Ask for the version over one connection."""
        newest = count = 0
        trace = aiohttp.TraceConfig()
        made: list[object] = []
        trace.on_connection_create_end.append(_note(made))
        one = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(self.url, connector=one, trace_configs=[trace]) as session:
            while not self.stop.is_set():
                async with session.get("/version") as response:
                    assert response.status == 200
                    seen = int((await response.text())[1:])
                assert seen >= newest, "an older answer after a newer one"
                newest, count = seen, count + 1
        assert len(made) == 1, "the connection was closed"
        self.tally["requests"].append(count)

    async def talk(self, session: aiohttp.ClientSession) -> None:
        """Send numbered messages, several ahead; each is answered once, in order."""
        newest = count = 0
        async with session.ws_connect("/version") as socket:
            for ahead in range(3):
                await socket.send_str(str(ahead))
            while not self.stop.is_set():
                seen, number = (await socket.receive_str()).split()
                assert int(number) == count, "a message is lost or doubled"
                assert int(seen[1:]) >= newest, "an older answer after a newer one"
                newest, count = int(seen[1:]), count + 1
                await socket.send_str(str(count + 2))
                await asyncio.sleep(0.01)  # the client's pace, not a wait
        self.tally["messages"].append(count)

    async def listen(self, session: aiohttp.ClientSession) -> None:
        """Read one event stream from its first event on."""
        async with session.get("/events") as response:
            self.tally["events"].append(await read_events(response, self.stop))


def _note(made: list[object]) -> Any:
    async def note(*_: object) -> None:
        made.append(None)

    return note


async def save_again_and_again(server: DevServer, load: Load) -> None:
    """Save, wait until it is live, and see that a new request runs it."""
    async with aiohttp.ClientSession(load.url) as session:
        for number in range(2, SAVES + 2):
            server.save(version(number))
            async with session.get("/version") as response:
                assert await response.text() == f"v{number}"


@pytest.mark.timeout(180)
def test_50_clients_50_websockets_and_20_streams_through_50_saves(tmp_path: Path) -> None:
    """No failed request, no closed connection, no lost or doubled message, versions never go back."""
    with surviving(tmp_path, "--no-access-log") as server:
        load = Load(server.http_port)
        asyncio.run(load.run(save_again_and_again(server, load)))
        assert [len(counts) for counts in load.tally.values()] == [CLIENTS, SOCKETS, STREAMS]
        assert all(min(counts) > 0 for counts in load.tally.values())
        assert server.past("lost") == []
        assert server.past("handler-failed") == []
        assert server.stop() == 0
