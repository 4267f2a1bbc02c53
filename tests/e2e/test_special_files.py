"""Files of the project that are none, or do not answer, stop no client."""

from __future__ import annotations

import os
from pathlib import Path

import httpx

from tests.harness import DEADLINE, Client, answering, serving


def test_an_index_that_is_a_pipe_stops_nobody(tmp_path: Path) -> None:
    """It counts as missing; others are served as before."""
    os.mkfifo(tmp_path / "index.html")
    with serving(tmp_path, text=answering("v1")) as server:
        server.wait("ready")
        url = f"http://127.0.0.1:{server.http_port}/"
        for method in ("GET", "HEAD"):
            assert httpx.request(method, url, timeout=10).status_code == 404
        assert Client(server.port).ask("a") == "v1 a"
        (tmp_path / "index.html").unlink()
        (tmp_path / "index.html").write_text("<p>here</p>")
        assert httpx.get(url, timeout=DEADLINE).text == "<p>here</p>"
        assert server.stop() == 0


def test_pipes_where_files_are_expected_delay_no_start(tmp_path: Path) -> None:
    """.gitignore, .env and pyproject.toml count as missing; a template that is a pipe is never opened."""
    for name in (".gitignore", ".env", "pyproject.toml", "page.html", "other.py"):
        os.mkfifo(tmp_path / name)
    with serving(tmp_path, text=answering("v1")) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("a") == "v1 a"
        server.save_and_wait(answering("v2"))
        assert client.ask("b") == "v2 b"
        assert server.stop() == 0
