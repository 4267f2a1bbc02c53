"""What is said while it runs, and what is not."""

from __future__ import annotations

from pathlib import Path

from tests.harness import eventually, serving
from tests.http import browsing

APP = """
import logging
logging.basicConfig(level=logging.DEBUG)
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"v%d"]
"""


def test_a_root_logger_at_debug_hears_nothing_of_the_watching(tmp_path: Path) -> None:
    """The app's own log stays readable over saves: files are watched by another process."""
    with serving(tmp_path, text=APP % 1) as server, browsing(server) as client:
        assert client.get("/").text == "v1"
        for version in (2, 3, 4):
            server.save(APP % version)
            assert client.get("/").text == f"v{version}"
        assert server.stop() == 0
        output = server.output()
        assert "inotify" not in output.lower()
        assert "watchdog" not in output
        assert len(output) < 20_000


def test_options_that_are_edited_apply_at_the_next_start(tmp_path: Path) -> None:
    """It is reported; an edit of anything else in the file is no news of options."""
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.devserver]\nthreads = 3\n")
    with serving(tmp_path, text=APP % 1) as server, browsing(server) as client:
        assert client.get("/").text == "v1"
        file.write_text("[tool.devserver]\nthreads = 3\n[tool.other]\nx = 1\n")
        server.wait("live", generation=2)
        file.write_text("[tool.devserver]\nthreads = 4\n")
        told = eventually("it is said", lambda: [n for n in server.past("notice") if "options" in n["text"]])
        assert [notice["text"] for notice in told] == [
            "[tool.devserver] has changed: the options apply once you start devserver again"
        ]
        assert server.stop() == 0


def test_an_env_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    """The refusal shows which file and which byte, and the fix goes live."""
    (tmp_path / ".env").write_bytes(b"CITY=Orl\xe9ans\n")
    with serving(tmp_path, text=APP % 1) as server, browsing(server) as client:
        [failure] = server.wait("refused")["failures"]
        assert failure["message"].startswith(f"{tmp_path / '.env'} is not UTF-8 (byte 0xe9 at 8)")
        (tmp_path / ".env").write_text("CITY=Orléans\n")
        eventually("it is live", lambda: client.get("/").text == "v1")
        assert server.stop() == 0
