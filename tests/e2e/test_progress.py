"""Progress bars of the app on the console: the real command on a real terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prompting import Server

APP = """
import os, sys

BARS = {
    "/begin": "\\router:  50%|{}|\\n\\rinner:  20%|\\x1b[A",
    "/go-on": "\\n\\rinner:  80%|\\x1b[A",
    "/end": "\\n\\r            \\x1b[A\\router: 100%|{}|\\n",
}

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    room = os.get_terminal_size(2).columns - len("outer:  50%||")
    sys.stderr.write(BARS.get(scope["path"], "").format("#" * room))
    sys.stderr.flush()
    body = f"{os.get_terminal_size(1).columns} {os.environ.get('COLUMNS')}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


def test_bars_are_rows_that_move_in_place_as_wide_as_the_console(tmp_path: Path) -> None:
    """Two bars as tqdm draws them fill the console's width; one leaves its last state, the other nothing."""
    with Server(tmp_path, APP) as server:
        server.get("/begin")
        outer = f"│ outer:  50%|{'#' * (78 - 13)}|"
        server.see(outer, "│ inner:  20%|")
        assert outer in server.text.splitlines()
        server.get("/go-on")
        server.see("│ inner:  80%|")
        assert "20%" not in server.text
        assert server.text.count("outer") == 1
        server.get("/end")
        server.read_until(lambda: "│ outer: 100%|" in server.text and "inner" not in server.text)
        assert not [line for line in server.scrolled if " 50%" in line or "inner" in line]
        server.quit()


def test_the_app_gets_the_width_that_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new size reaches the app that runs; an exported COLUMNS, which would not follow, is not passed on."""
    monkeypatch.setenv("COLUMNS", "200")
    with Server(tmp_path, APP) as server:
        assert server.get("/") == "78 None"
        server.resize(60, 24)
        server.screen.resize(24, 60)
        server.read_until(lambda: server.get("/").startswith("58 "))
        server.quit()
