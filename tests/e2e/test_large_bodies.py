"""Bodies of any size pass through in little memory, and a slow client slows no other client."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import DEADLINE, DevServer
from tests.http import browsing
from tests.survivor import surviving

GIB = 1 << 30
MIB = 1 << 20
MOST_GROWTH = 32 * MIB


def memory(pids: list[int]) -> list[int]:
    """Return the most that each process has had in memory, in bytes: VmHWM in proc(5)."""
    found = []
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        found.append(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")))
    return found


def processes(server: DevServer) -> list[int]:
    """Return the Master, the Manager and the Workers."""
    return [server.process.pid, server.manager(), *server.workers().values()]


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_gibibyte_passes_through_in_little_memory(tmp_path: Path, way: str) -> None:
    """Up or down, no process grows by more than 32 MiB."""
    with surviving(tmp_path) as server, browsing(server) as client:
        client.get("/version")
        pids = processes(server)
        before = memory(pids)
        if way == "up":
            parts: Iterator[bytes] = (bytes(MIB) for _ in range(GIB // MIB))
            response = client.post("/upload", content=parts)
            assert response.text == f"v1 {GIB}"
        else:
            size = 0
            with client.stream("GET", f"/download?{GIB}") as streamed:
                for part in streamed.iter_raw():
                    size += len(part)
            assert size == GIB + 2
        growth = [after - was for after, was in zip(memory(pids), before, strict=True)]
        assert max(growth) < MOST_GROWTH, growth
        assert server.stop() == 0


def test_clients_that_do_not_read_cost_little_and_stop_nobody(tmp_path: Path) -> None:
    """Twenty downloads of 64 MiB that are not taken: others are answered, and nothing is heaped up."""
    with surviving(tmp_path) as server, browsing(server) as client:
        client.get("/version")
        pids = processes(server)
        before = memory(pids)
        stuck = []
        for _ in range(20):
            sock = socket.create_connection(("127.0.0.1", server.http_port), DEADLINE)
            sock.sendall(f"GET /download?{64 * MIB} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            stuck.append(sock)
        for _ in range(50):
            assert client.get("/version").text == "v1"
        growth = [after - was for after, was in zip(memory(pids), before, strict=True)]
        assert max(growth) < MOST_GROWTH, growth
        for sock in stuck:
            sock.close()
        assert server.stop() == 0


def test_a_body_that_waits_to_be_asked_for_is_asked_for_when_the_app_wants_it(tmp_path: Path) -> None:
    """`Expect: 100-continue`: an app that reads is sent the body, one that answers at once is not."""
    head = b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n"
    with surviving(tmp_path) as server:
        for path, first in (
            (b"/upload", b"HTTP/1.1 100 Continue\r\n\r\n"),
            (b"/version", b"HTTP/1.1 200 OK\r\n"),
        ):
            with socket.create_connection(("127.0.0.1", server.http_port), DEADLINE) as client:
                client.sendall(head % path)
                assert client.recv(4096).startswith(first)
                if path == b"/upload":
                    client.sendall(b"12345")
                    assert client.recv(4096).endswith(b"v1 5")
        assert server.stop() == 0
