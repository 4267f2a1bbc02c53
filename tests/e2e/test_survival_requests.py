"""What becomes of an HTTP request in flight when newer code goes live, and when its Worker dies."""

from __future__ import annotations

import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.harness import DEADLINE, DevServer, eventually
from tests.http import browsing, connection_of
from tests.survivor import open_gate, save, surviving, version


def sees_output(server: DevServer, text: str, times: int = 1) -> None:
    """Wait until the app has printed that."""
    eventually(f"it prints {text!r}", lambda: server.output().count(text) >= times)


def test_the_very_next_request_runs_the_new_code_200_of_200(tmp_path: Path) -> None:
    """On one connection that stays: never the code before, never an error."""
    with surviving(tmp_path) as server, browsing(server) as client:
        used = set()
        for number in range(2, 202):
            server.save(version(number))
            response = client.get("/version")
            assert (response.status_code, response.text) == (200, f"v{number}")
            used.add(connection_of(response))
        assert len(used) == 1
        assert server.stop() == 0


def test_a_request_in_flight_finishes_on_the_old_code_and_others_run_the_new(tmp_path: Path) -> None:
    """Nobody waits for it."""
    with surviving(tmp_path) as server, ThreadPoolExecutor(1) as pool:
        with browsing(server) as slow, browsing(server) as client:
            waiting = pool.submit(slow.get, "/wait")
            sees_output(server, "waiting")
            save(server, 2)
            assert client.get("/version").text == "v2"
            open_gate(tmp_path)
            assert waiting.result(DEADLINE).text == "v1 waited"
            assert slow.get("/version").text == "v2"
        assert server.stop() == 0


def test_an_upload_in_flight_finishes_on_the_old_code(tmp_path: Path) -> None:
    """Its body goes to the Worker that began to read it, however late the rest comes."""
    with surviving(tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.http_port), DEADLINE) as client:
            client.sendall(
                b"POST /upload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 200000\r\n\r\n" + b"x" * 100
            )
            sees_output(server, "uploading")
            save(server, 2)
            client.sendall(b"x" * 199_900)
            answer = client.recv(65536)
            assert answer.endswith(b"v1 200000"), answer
        assert server.stop() == 0


def test_a_slow_download_goes_on_over_a_save_and_delays_nobody(tmp_path: Path) -> None:
    """A client that stops reading holds its own Worker, not the reload."""
    size = 8 << 20
    with surviving(tmp_path) as server, browsing(server) as slow, browsing(server) as client:
        with slow.stream("GET", f"/download?{size}") as response:
            parts = response.iter_raw()
            got = len(next(parts))
            save(server, 2)
            assert client.get("/version").text == "v2"
            last = b""
            for part in parts:
                got, last = got + len(part), part
            assert (got, last[-2:]) == (size + 2, b"v1")
        assert server.stop() == 0


def test_a_request_whose_worker_dies_is_run_again_once(tmp_path: Path) -> None:
    """A GET without an answer so far does no harm when it is run again: the client sees nothing."""
    with surviving(tmp_path, gate=False) as server, browsing(server) as client:
        assert client.get("/once").text == "v1 again"
        assert client.get("/version").text == "v1"
        assert server.stop() == 0


def test_a_request_that_kills_each_worker_is_answered_with_502_and_the_reason(tmp_path: Path) -> None:
    """It is not run for ever."""
    with surviving(tmp_path) as server, browsing(server) as client:
        response = client.get("/die")
        assert response.status_code == 502
        assert "SIGKILL" in response.text
        assert "GET /die" in server.wait("lost")["what"]
        assert client.get("/version").text == "v1"
        assert server.stop() == 0


def test_a_post_whose_worker_dies_is_not_run_again(tmp_path: Path) -> None:
    """It may have done something already."""
    with surviving(tmp_path) as server, browsing(server) as client:
        response = client.post("/die", content=b"order")
        assert response.status_code == 502
        assert client.get("/version").text == "v1"
        server.wait("worker-exited", planned=False)
        assert len([fact for fact in server.past("worker-exited") if not fact["planned"]]) == 1
        assert server.stop() == 0


def test_a_response_that_has_begun_is_ended_as_truncated_when_its_worker_dies(tmp_path: Path) -> None:
    """The client can see that something is missing; the other connections live on."""
    with surviving(tmp_path) as server, browsing(server) as client, browsing(server) as other:
        assert other.get("/version").text == "v1"
        with client.stream("GET", "/half") as response:
            parts = response.iter_raw()
            assert next(parts) == b"12345"
            [pid] = server.workers().values()
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(httpx.RemoteProtocolError):
                next(parts)
        assert "the rest of the answer to GET /half" in server.wait("lost")["what"]
        assert other.get("/version").text == "v1"
        assert server.stop() == 0


def test_a_client_that_leaves_is_reported_to_the_app_and_one_that_waits_is_not_run(tmp_path: Path) -> None:
    """While a save is not settled, a request whose client gives up is dropped, and that is reported."""
    slow = "\nimport os, time\nwhile os.path.exists(GATE):\n    time.sleep(0.01)\n"
    with surviving(tmp_path, gate=False) as server:
        (tmp_path / "gate").touch()
        server.save(version(2, slow))
        with socket.create_connection(("127.0.0.1", server.http_port), DEADLINE) as client:
            client.sendall(b"GET /hang HTTP/1.1\r\nhost: localhost\r\n\r\n")
            server.wait("worker-started")
        assert "GET /hang" in server.wait("lost")["what"]
        (tmp_path / "gate").unlink()
        server.wait("live")
        assert "hanging" not in server.output()
        assert server.stop() == 0


def test_many_requests_wait_for_a_save_and_none_is_refused(tmp_path: Path) -> None:
    """300 clients that come while new code boots are all answered by it."""
    slow = "\nimport os, time\nwhile os.path.exists(GATE):\n    time.sleep(0.01)\n"
    with surviving(tmp_path, gate=False) as server:
        (tmp_path / "gate").touch()
        server.save(version(2, slow))
        clients = [socket.create_connection(("127.0.0.1", server.http_port), DEADLINE) for _ in range(300)]
        for client in clients:
            client.sendall(b"GET /version HTTP/1.1\r\nhost: localhost\r\n\r\n")
        server.wait("worker-started", generation=2)
        (tmp_path / "gate").unlink()
        answers = [client.recv(4096) for client in clients]
        assert all(answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"v2") for answer in answers)
        for client in clients:
            client.close()
        assert server.stop() == 0


def test_two_workers_share_requests(tmp_path: Path) -> None:
    """With --workers 2 a request that blocks its process does not stop the others."""
    blocking = (
        "\nasync def http_block(scope, receive, send):\n"
        "    wait_for_gate()\n"
        "    await answer(send, 200, b'b')\n"
    )
    with surviving(tmp_path, "--workers", "2") as server, browsing(server) as client:
        server.save_and_wait(version(2, blocking))
        server.wait("rolled")
        with ThreadPoolExecutor(1) as pool:
            blocked = pool.submit(httpx.get, f"http://127.0.0.1:{server.http_port}/block", timeout=DEADLINE)
            eventually("it runs", lambda: any(f["running"] for f in server.past("worker-load")))
            for _ in range(20):
                assert client.get("/version").text == "v2"
            opener = threading.Thread(target=open_gate, args=(tmp_path,))
            opener.start()
            assert blocked.result(DEADLINE).text == "b"
            opener.join()
        assert server.stop() == 0


def test_a_stop_does_not_wait_for_what_a_request_has_left_running(tmp_path: Path) -> None:
    """A poller that a request began and nobody ends: it is cancelled before long, and that is reported."""
    poller = (
        "\nasync def poll():\n    while True:\n        await asyncio.sleep(0.01)\n"
        "async def http_poll(scope, receive, send):\n"
        "    app.task = asyncio.create_task(poll())\n"
        "    await answer(send, 200, b'polling')\n"
    )
    with surviving(tmp_path, "--stop-timeout", "300") as server, browsing(server) as client:
        server.save_and_wait(version(2, poller))
        assert client.get("/poll").text == "polling"
        assert server.stop() == 0
        assert server.past("handler-failed") == []
        [notice] = [fact for fact in server.past("notice") if "in the background" in fact["text"]]
        assert "background: poll (handlers.py:" in notice["text"]
