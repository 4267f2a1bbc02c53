"""The HTTP face under random attack: kills, signals, good and bad saves, amid clients that check it all.

A run is repeated by its seed; what the machine does meanwhile is not repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import select
import signal
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from tests.harness import DEADLINE, DevServer, eventually
from tests.survivor import TEXT, read_events, surviving, version

CLIENTS = 8
DEEDS = 60
BAD = (
    "\ndef broken(:",
    "\nimport no_such_module",
    "\n1 / 0",
    "\nimport os\nos._exit(4)",
    "\nimport sys\nsys.exit(3)",
)


class Traffic:
    """Keep-alive requests, WebSockets and event streams that check what they get."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.stop = asyncio.Event()
        self.refused = self.missing = 0
        """Requests and streams answered with 502, and WebSocket messages without an answer."""
        self.given_up = self.unopened = 0

    async def ask(self) -> None:
        """A GET is answered with 200, or with 502 if two Workers died under it; the connection stays."""
        newest = 0
        async with aiohttp.ClientSession(self.url, connector=aiohttp.TCPConnector(limit=1)) as session:
            while not self.stop.is_set():
                async with session.get("/version") as response:
                    text = await response.text()
                assert response.status in (200, 502), (response.status, text)
                if response.status == 200:
                    assert int(text[1:]) >= newest, "an older answer after a newer one"
                    newest = int(text[1:])
                else:
                    self.refused += 1

    async def talk(self) -> None:
        """Converse until the end; a WebSocket is given up (1012) only after three Workers died in a row.

        A handshake is answered with 502 if two Workers died under it.
        """
        async with aiohttp.ClientSession(self.url) as session:
            while not self.stop.is_set():
                try:
                    async with session.ws_connect("/version") as socket:
                        try:
                            await self._converse(socket)
                        except (aiohttp.WSMessageTypeError, ConnectionResetError):
                            assert socket.close_code == 1012
                            self.given_up += 1
                except aiohttp.WSServerHandshakeError as error:
                    if error.status != 502:
                        raise
                    self.unopened += 1

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Messages are answered in order, once; what is missing was lost with a Worker."""
        newest = last = sent = 0
        while not self.stop.is_set():
            for _ in range(3):
                sent += 1
                await socket.send_str(str(sent))
            while last < sent:
                try:
                    seen, number = (await socket.receive_str(timeout=1)).split()
                except TimeoutError:  # the last one was lost: another shows that the line is alive
                    sent += 1
                    await socket.send_str(str(sent))
                    continue
                assert int(seen[1:]) >= newest, "an older answer after a newer one"
                assert last < int(number) <= sent, "doubled, or out of order"
                self.missing += int(number) - last - 1
                newest, last = int(seen[1:]), int(number)

    async def listen(self) -> None:
        """Every event comes once, in order, in one response.

        It is 502, and asked for again, if two Workers died before it began.
        """
        async with aiohttp.ClientSession(self.url) as session:
            while not self.stop.is_set():
                async with session.get("/events") as response:
                    if response.status == 200:
                        await read_events(response, self.stop)
                        return
                    assert response.status == 502
                    self.refused += 1

    async def run(self, attack: Callable[[], None]) -> None:
        """Keep all clients busy while `attack` runs in a thread."""
        kinds = (self.ask, self.talk, self.listen)
        tasks = [asyncio.create_task(kind()) for kind in kinds for _ in range(CLIENTS)]
        attacking = asyncio.create_task(asyncio.to_thread(attack))
        done, _ = await asyncio.wait({attacking, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        self.stop.set()
        assert done == {attacking}, [task.exception() for task in done - {attacking}]
        await attacking
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*tasks)


class Attack:
    """Does one thing after another to a server, at random, and ends with a good save that must be live."""

    def __init__(self, server: DevServer, seed: int) -> None:
        self.server = server
        self.rng = random.Random(seed)
        self.version = 1
        self.deeds = (self.good, self.good, self.bad, self.kill_worker, self.kill_manager, self.ask_reload)

    def __call__(self) -> None:
        for _ in range(DEEDS):
            self.rng.choice(self.deeds)()
            pause = self.rng.choice((0, 0.005, 0.03, 0.1))
            if pause:
                select.select([], [], [], pause)  # the attacker's pace, not a wait
        self.good()
        live = self.server.folder / "handlers.py"
        eventually("the last save is live", lambda: self._runs(live))

    def _runs(self, path: Path) -> bool:
        edits = [fact["edit"] for fact in self.server.past("changed") if str(path) in fact["paths"]]
        return bool(edits) and any(fact["edit"] >= edits[-1] for fact in self.server.past("live"))

    def good(self) -> None:
        self.version += 1
        self.server.save(version(self.version))

    def bad(self) -> None:
        self.server.save(version(self.version, self.rng.choice(BAD)))

    def kill_worker(self) -> None:
        if pids := list(self.server.workers().values()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.rng.choice(pids), signal.SIGKILL)

    def kill_manager(self) -> None:
        """Kill one of those that are there: the one that serves, an elder, or one that is prepared."""
        ended = {fact["pid"] for fact in self.server.past("manager-exited")}
        pids = [fact["pid"] for fact in self.server.past("manager-started") if fact["pid"] not in ended]
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(self.rng.choice(pids), signal.SIGKILL)

    def ask_reload(self) -> None:
        self.server.process.send_signal(signal.SIGUSR1)


def attacked(folder: Path, seed: int) -> None:
    """Serve, attack, and look at what was lost and reported."""
    options = ("--workers", "2", "--no-access-log")
    with surviving(folder, *options, gate=False) as server:
        traffic = Traffic(server.http_port)
        attack = Attack(server, seed)
        asyncio.run(traffic.run(attack))
        code = server.stop()
        lost = [fact["what"] for fact in server.past("lost")]  # all of them have been written by now
        assert traffic.missing <= sum("the message in hand" in what for what in lost), lost
        assert traffic.refused <= sum("the request GET" in what for what in lost), lost
        assert traffic.unopened <= sum("the handshake" in what for what in lost), lost
        output = server.output()
        assert code == 0
        for word in ("AssertionError", "impossible order", "error of devserver's own"):
            assert word not in output, output[max(0, output.index(word) - 500) :][:4000]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_happens_every_http_client_is_served(tmp_path: Path, seed: int) -> None:
    """No connection is closed, no event lost, no message doubled; a dead Worker's losses are reported."""
    attacked(tmp_path, seed)


@pytest.mark.parametrize("seed", [4, 5])
def test_the_same_while_managers_preload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """An app that is worth preloading: Managers come and go with the saves, and are killed, too."""
    heavy = tmp_path / "lib" / "site-packages" / "heavy"
    heavy.mkdir(parents=True)
    (heavy / "__init__.py").write_text("import time\ntime.sleep(0.05)\n")
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(heavy.parent), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setattr("tests.survivor.TEXT", TEXT.replace("import json\n", "import json\nimport heavy\n"))
    attacked(project, seed)
