"""The server under debugpy, as VS Code's launch.json starts it, and a client that speaks its protocol."""

from __future__ import annotations

import sys
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

from tests.dap import Editor
from tests.frameworks import need
from tests.harness import DEADLINE, free_port, serving

need("debugpy")

APP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    answer = b"old"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer})
"""
LINE = 6
"""Where `answer` is known: a breakpoint stands there."""


def get(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def goes_on(editor: Editor, asked: Future[str], answer: str) -> None:
    """A Worker stops at the breakpoint, shows the variable, and answers once it is let go."""
    worker, stopped = editor.stopped()
    assert stopped["reason"] == "breakpoint"
    frame = worker.ask("stackTrace", threadId=stopped["threadId"])["stackFrames"][0]
    assert frame["line"] == LINE
    value = worker.ask("evaluate", expression="answer", frameId=frame["id"])["result"]
    assert answer in value
    worker.ask("continue", threadId=stopped["threadId"])
    assert asked.result(DEADLINE) == answer


def test_breakpoints_of_an_editor_are_hit_also_after_a_save(tmp_path: Path) -> None:
    """Under debugpy the server serves, Workers stop at breakpoints, new ones too, and the stop is clean."""
    file, port = tmp_path / "main.py", free_port()
    file.write_text(APP)
    command = (sys.executable, "-Xfrozen_modules=off", "-m", "debugpy", "--listen", f"127.0.0.1:{port}")
    wait = (*command, "--wait-for-client", "-m", "devserver")
    with (
        serving(tmp_path, target="main.py", command=wait) as server,
        Editor(port, file, [LINE]) as editor,
        ThreadPoolExecutor() as clients,
    ):
        server.wait("ready")
        goes_on(editor, clients.submit(get, server.http_port), "old")
        server.wait("debugging", active=True, line=LINE, how="elsewhere")
        file.write_text(APP.replace("old", "new"))
        server.wait("live", generation=2)
        goes_on(editor, clients.submit(get, server.http_port), "new")
        assert server.stop() == 0


def test_the_server_serves_under_debugpy_before_an_editor_comes(tmp_path: Path) -> None:
    """The server does not wait for an editor that may never come; saves go live, and the stop is clean."""
    file, port = tmp_path / "main.py", free_port()
    file.write_text(APP)
    command = (sys.executable, "-m", "debugpy", "--listen", f"127.0.0.1:{port}", "-m", "devserver")
    with serving(tmp_path, target="main.py", command=command) as server:
        server.wait("ready")
        assert get(server.http_port) == "old"
        file.write_text(APP.replace("old", "new"))
        server.wait("live", generation=2)
        assert get(server.http_port) == "new"
        assert server.stop() == 0


def test_an_editor_that_comes_later_debugs_the_workers_that_start_from_then_on(tmp_path: Path) -> None:
    """An editor attaches to a server that serves: the Workers of the next save stop at its breakpoints."""
    file, port = tmp_path / "main.py", free_port()
    file.write_text(APP)
    command = (sys.executable, "-Xfrozen_modules=off", "-m", "debugpy", "--listen", f"127.0.0.1:{port}")
    with (
        serving(tmp_path, target="main.py", command=(*command, "-m", "devserver")) as server,
        ThreadPoolExecutor() as clients,
    ):
        server.wait("ready")
        assert get(server.http_port) == "old"
        with Editor(port, file, [LINE]) as editor:
            file.write_text(APP.replace("old", "new"))
            server.wait("live", generation=2)
            goes_on(editor, clients.submit(get, server.http_port), "new")
            assert server.stop() == 0


LISTENING = """
import debugpy
debugpy.listen(("127.0.0.1", PORT))
"""


def test_an_app_that_listens_for_an_editor_survives_saves(tmp_path: Path) -> None:
    """debugpy.listen() in the app finds its port in use beside the old code: the new code starts after it."""
    file, port = tmp_path / "main.py", free_port()
    text = LISTENING.replace("PORT", str(port)) + APP
    file.write_text(text)
    with serving(tmp_path, target="main.py") as server:
        server.wait("ready")
        assert get(server.http_port) == "old"
        for word in ("new", "newer"):
            file.write_text(text.replace("old", word))
            server.wait("live")
            assert get(server.http_port) == word
        assert server.stop() == 0
