"""An app that takes something at its import which only one process can have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import DevServer, eventually, free_port, serving
from tests.http import browsing

HELD = {
    "a locked file": """
import fcntl
LOCK = open("shop.pid", "w")
fcntl.flock(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
""",
    "a lock behind an error of its own": """
import fcntl
class Busy(Exception): pass
LOCK = open("shop.pid", "w")
try:
    fcntl.lockf(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError as error:
    raise Busy("the shop is open elsewhere") from error
""",
    "a port behind an error of its own": """
import socket
SOCKET = socket.socket()
try:
    SOCKET.bind(("127.0.0.1", PORT))
    SOCKET.listen()
except OSError as error:
    raise RuntimeError(f"cannot listen for debuggers: {error}")
""",
    "a file with a number": """
import os, pathlib
FILE = pathlib.Path("shop.pid")
if FILE.exists() and os.path.exists(f"/proc/{FILE.read_text()}"):
    raise SystemExit(f"already running (pid {FILE.read_text()})")
FILE.write_text(str(os.getpid()))
""",
}


def app(kind: str, version: int, port: int) -> str:
    return HELD[kind].replace("PORT", str(port)) + (
        f"\ndef app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'v{version}']\n"
    )


def exclusive(server: DevServer) -> list[str]:
    return [fact["text"] for fact in server.past("notice") if "retrying after it exits" in fact["text"]]


@pytest.mark.parametrize("kind", HELD)
def test_a_save_goes_live_once_the_old_worker_has_left(tmp_path: Path, kind: str) -> None:
    """The first save finds out by trying, the next ones know; no request fails."""
    port = free_port()
    with serving(tmp_path, text=app(kind, 1, port)) as server, browsing(server) as client:
        assert client.get("/").text == "v1"
        for version in (2, 3):
            server.save(app(kind, version, port))
            assert client.get("/").text == f"v{version}"
        eventually("it is reported, once", lambda: len(exclusive(server)) == 1)
        assert server.past("refused") == []
        assert server.stop() == 0


def test_a_refusal_names_the_option(tmp_path: Path) -> None:
    """A user who has asked for an overlap learns what else there is."""
    port = free_port()
    text = app("a locked file", 1, port)
    with serving(tmp_path, "--handover", "overlap", text=text) as server, browsing(server) as client:
        assert client.get("/").text == "v1"
        server.save(app("a locked file", 2, port))
        server.wait("refused")
        assert "--handover exclusive" in server.wait("notice")["text"]
        assert client.get("/").text == "v1"
        assert server.stop() == 0
