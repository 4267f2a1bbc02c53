"""A client that reads slowly, or leaves in the middle of an answer, blocks no other client."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import Client, serving

SIZE = 8_000_000

HANDLERS = f"""
from devserver import Lines
protocol = Lines()

{{kind}}def on_receive(conn, data):
    if data == b"big":
        conn.send(b"x" * {SIZE})
    conn.send(b"\\n" + data + b"\\n")
"""


@pytest.mark.parametrize("kind", ["", "async "])
def test_a_client_that_leaves_in_mid_answer_frees_its_worker(tmp_path: Path, kind: str) -> None:
    """The only Worker was waiting for that client to read; it goes on with the next client at once."""
    with serving(tmp_path, "--workers", "1", text=HANDLERS.format(kind=kind)) as server:
        server.wait("ready")
        leaver, other = Client(server.port), Client(server.port)
        leaver.send("big")
        assert leaver.socket.recv(10) == b"x" * 10
        leaver.close()
        other.send("hello")
        assert [other.line(), other.line()] == ["", "hello"]
        assert server.stop() == 0
        assert not server.past("lost")


@pytest.mark.parametrize("kind", ["", "async "])
def test_an_answer_of_8_mb_comes_whole(tmp_path: Path, kind: str) -> None:
    """Far more than any buffer on the way arrives complete and in order, behind it the next answer."""
    with serving(tmp_path, "--workers", "1", text=HANDLERS.format(kind=kind)) as server:
        server.wait("ready")
        client = Client(server.port)
        client.send("big")
        client.send("after")
        assert len(client.line()) == SIZE
        assert [client.line() for _ in range(3)] == ["big", "", "after"]
        assert server.stop() == 0
