"""Whatever is in hand is finished: saves replace the code of the next request, and kill nothing."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect as websocket

from tests.harness import DEADLINE, Client, DevServer, eventually, serving

APP = (
    "import asyncio\n"
    "async def app(scope, receive, send):\n"
    "    assert scope['type'] == 'http'\n"
    "    print('begin', scope['path'], flush=True)\n"
    "    if scope['path'].startswith('/slow'):\n"
    "        await asyncio.to_thread(lambda: open(GATE).read())\n"
    "    await send({'type': 'http.response.start', 'status': 200})\n"
    "    await send({'type': 'http.response.body', 'body': b'v1'})\n"
)
HANDLERS = (
    "from devserver import Lines\n"
    "protocol = Lines()\n"
    "def on_receive(conn, data):\n"
    "    print('begin', data.decode(), flush=True)\n"
    "    open(GATE).read()\n"
    "    conn.send('v1\\n')\n"
)


SLOW_BOOT = "import time\ntime.sleep(1.5)\n"
"""Longer than it would take to end a Worker: what was to be killed is dead when this code is live."""


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Return a pipe that a request waits at until the test opens it."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def let_all_go(gate: Path) -> None:
    """Let everybody who waits at the gate go on."""
    os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))


class Asked(threading.Thread):
    """A request that a client waits for; `answer` is status and text."""

    def __init__(self, server: DevServer, path: str, method: str = "GET", *, begun: bool = True) -> None:
        super().__init__(daemon=True)
        self._url = f"http://127.0.0.1:{server.http_port}{path}"
        self._method = method
        self._answer: tuple[int, str] | Exception | None = None
        self.start()
        if begun:
            eventually(f"{path} has begun", lambda: f"begin {path}\n" in server.output())

    def run(self) -> None:
        try:
            response = httpx.request(self._method, self._url, timeout=DEADLINE)
            self._answer = response.status_code, response.text
        except httpx.HTTPError as error:
            self._answer = error

    @property
    def answer(self) -> tuple[int, str]:
        self.join(DEADLINE)
        assert isinstance(self._answer, tuple), self._answer
        return self._answer


def test_a_request_in_flight_outlives_two_saves_with_three_workers(tmp_path: Path, gate: Path) -> None:
    """It is answered by the code that it began on, as if no file had been saved."""
    text = APP.replace("GATE", repr(str(gate)))
    with serving(tmp_path, "--workers", "3", text=text, target="handlers.py") as server:
        server.wait("rolled")
        asked = Asked(server, "/slow")
        for version in ("v2", "v3"):
            server.save_and_wait(text.replace("v1", version))
            server.wait("rolled")
        server.save_and_wait(SLOW_BOOT + text)
        let_all_go(gate)
        assert asked.answer == (200, "v1")
        assert server.past("lost") == []
        assert server.stop() == 0


def test_two_sleeping_handlers_outlive_three_saves(tmp_path: Path, gate: Path) -> None:
    """Both clients get the answer of the code that they asked, and no Worker is killed."""
    text = HANDLERS.replace("GATE", repr(str(gate)))
    with serving(tmp_path, "--workers", "2", text=text) as server:
        server.wait("rolled")
        clients = [Client(server.port), Client(server.port)]
        for number, client in enumerate(clients):
            client.send(f"{number}")
            eventually("the handler runs", lambda n=number: f"begin {n}\n" in server.output())  # type: ignore[misc]
        for version in ("v2", "v3", "v4"):
            server.save_and_wait(text.replace("v1", version))
        server.save_and_wait(SLOW_BOOT + text)
        let_all_go(gate)
        assert [client.line() for client in clients] == ["v1", "v1"]
        assert server.past("lost") == []
        reasons = [exited["reason"] for exited in server.past("worker-exited")]
        assert not any("limit" in reason or "SIGKILL" in reason for reason in reasons), reasons
        assert server.stop() == 0


def test_slow_requests_begun_after_each_of_six_saves_are_all_answered(tmp_path: Path, gate: Path) -> None:
    """Each runs to its end on the code that was live when it came."""
    text = APP.replace("GATE", repr(str(gate)))
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        asked = []
        for version in range(1, 7):
            if version > 1:
                server.save_and_wait(text.replace("v1", f"v{version}"))
            asked.append(Asked(server, f"/slow/{version}"))
        server.save_and_wait(SLOW_BOOT + text)
        let_all_go(gate)
        assert [each.answer for each in asked] == [(200, f"v{version}") for version in range(1, 7)]
        assert server.past("lost") == []
        assert server.stop() == 0


def test_at_the_drain_limit_a_get_is_run_again_and_a_post_is_lost_with_its_place(
    tmp_path: Path, gate: Path
) -> None:
    """What may be repeated is answered by the newest code; the rest is named, and where it hung."""
    text = APP.replace("GATE", repr(str(gate)))
    with serving(tmp_path, "--workers", "1", "--drain", "1", text=text) as server:
        server.wait("rolled")
        get, post = Asked(server, "/slow/get"), Asked(server, "/slow/post", "POST")
        server.save_and_wait(text.replace("v1", "v2").replace("/slow", "/never"))
        assert get.answer == (200, "v2")
        status, page = post.answer
        assert (status, "is gone" in page) == (502, True)
        server.wait("lost")
        notice = next(fact for fact in server.past("notice") if "--drain" in fact["text"])
        assert "handlers.py:6" in notice["text"]
        assert notice["level"] == "warning"
        [lost] = server.past("lost")
        assert "POST /slow/post" in lost["what"]
        assert server.stop() == 0


def test_a_handler_at_the_drain_limit_is_named_with_its_stack(tmp_path: Path, gate: Path) -> None:
    """One that blocks its process is found, too: file, line and function are on the console."""
    text = HANDLERS.replace("GATE", repr(str(gate)))
    with serving(tmp_path, "--workers", "1", "--drain", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        client.send("0")
        eventually("the handler runs", lambda: "begin 0\n" in server.output())
        server.save_and_wait(text.replace("v1", "v2"))
        server.wait("lost")
        notice = next(fact for fact in server.past("notice") if "--drain" in fact["text"])
        assert "on_receive (handlers.py:5)" in notice["text"]
        assert "handlers.py:5 in on_receive" in notice["detail"]
        assert client.is_open()
        assert server.stop() == 0


ENDLESS = (
    "import asyncio, atexit, threading, time\n"
    "def endless():\n"
    "    while True:\n"
    "        time.sleep(0.01)\n"
    "def again():\n"
    "    timer = threading.Timer(0.01, again)\n"
    "    timer.start()\n"
    "    time.sleep(0.05)\n"
    "async def poller():\n"
    "    while True:\n"
    "        await asyncio.sleep(0.01)\n"
    "atexit.register(lambda: print('atexit v1', flush=True))\n"
    "tasks = []\n"
    "async def app(scope, receive, send):\n"
    "    assert scope['type'] == 'http'\n"
    "    BEGIN\n"
    "    await send({'type': 'http.response.start', 'status': 200})\n"
    "    await send({'type': 'http.response.body', 'body': b'v1'})\n"
)


@pytest.mark.parametrize(
    ("begin", "where"),
    [
        ("threading.Thread(target=endless, name='poll').start()", "endless (handlers.py:4, thread 'poll')"),
        ("again()", "again (handlers.py:8, "),
        (
            "asyncio.get_running_loop().run_in_executor(None, endless)",
            "endless (handlers.py:4, thread '",
        ),
    ],
)
def test_old_code_does_not_go_on_in_a_thread(tmp_path: Path, begin: str, where: str) -> None:
    """With nothing in hand a Worker has the time of a stop to exit; then it is ended, its thread named."""
    text = ENDLESS.replace("BEGIN", begin)
    with serving(tmp_path, "--workers", "1", "--stop-timeout", "1", text=text) as server:
        server.wait("rolled")
        assert Asked(server, "/", begun=False).answer == (200, "v1")
        [(worker, _)] = server.workers().items()
        server.save_and_wait(text.replace("v1", "v2"))
        exited = server.wait("worker-exited", worker=worker)
        assert exited["reason"] == "exit 0, stop timeout"
        notice = next(fact for fact in server.past("notice") if "nothing was in hand" in fact["text"])
        assert where in notice["text"]
        assert "atexit v1" in server.output()
        assert server.past("lost") == []
        assert list(server.workers()) == [worker + 1]
        assert server.stop() == 0


def test_a_task_that_a_request_began_ends_soon_after_newer_code_is_live(tmp_path: Path) -> None:
    """It has the time of an event stream; then it is cancelled, and named in words that blame no code."""
    text = ENDLESS.replace("BEGIN", "tasks.append(asyncio.create_task(poller()))")
    with serving(tmp_path, "--workers", "1", "--stream-limit", "0.2", text=text) as server:
        server.wait("rolled")
        assert Asked(server, "/", begun=False).answer == (200, "v1")
        [(worker, _)] = server.workers().items()
        server.save_and_wait(text.replace("v1", "v2"))
        server.wait("worker-exited", worker=worker, reason="exit 0", planned=True)
        notice = next(fact for fact in server.past("notice") if "in the background" in fact["text"])
        assert notice["level"] == "info"
        assert "poller (handlers.py:11)" in notice["text"]
        assert server.past("handler-failed") == []
        assert server.stop() == 0


SOCKETIO = (
    "import socketio\n"
    "sio = socketio.AsyncServer(async_mode='asgi')\n"
    "async def ticker():\n"
    "    while True:\n"
    "        await sio.sleep(0.01)\n"
    "@sio.event\n"
    "async def connect(sid, environ):\n"
    "    sio.start_background_task(ticker)\n"
    "@sio.event\n"
    "async def ask(sid, data):\n"
    "    return 'v1'\n"
    "app = socketio.ASGIApp(sio)\n"
)


def test_superseded_code_of_a_socketio_app_stops_ticking(tmp_path: Path) -> None:
    """Its background tasks begin with the first client: after a save only the newest code's go on."""
    with serving(tmp_path, "--workers", "1", "--stream-limit", "0.2", text=SOCKETIO) as server:
        server.wait("rolled")
        url = f"ws://127.0.0.1:{server.http_port}/socket.io/?EIO=4&transport=websocket"
        for version in ("v1", "v2"):
            with websocket(url) as client:
                client.recv(DEADLINE)
                client.send("40")
                client.recv(DEADLINE)
                client.send('420["ask",1]')
                assert client.recv(DEADLINE) == f'430["{version}"]'
                if version == "v1":
                    [(worker, _)] = server.workers().items()
                    server.save_and_wait(SOCKETIO.replace("v1", "v2"))
                    server.wait("worker-exited", worker=worker, reason="exit 0")
        notice = next(fact for fact in server.past("notice") if "in the background" in fact["text"])
        assert "background: ticker (handlers.py:5), " in notice["text"]
        assert "(engineio/" in notice["text"]
        assert server.stop() == 0
