"""A broken file that nothing imports blocks nothing; once something imports it, it is refused."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.harness import Client, DevServer, answering, eventually, serving

HALF = "def half(:\n"


def warnings(server: DevServer) -> list[str]:
    """Return what the user was warned of."""
    return [notice["text"] for notice in server.past("notice", level="warning")]


@pytest.mark.parametrize("name", ["scratch.py", "tests.py", "half.py"])
@pytest.mark.parametrize("existed", [True, False], ids=["that was good", "that is new"])
def test_a_half_written_file_beside_the_app_blocks_no_save(tmp_path: Path, name: str, existed: bool) -> None:
    """It is warned of once, with its line; saves go live, and so does a reload that is asked for."""
    if existed:
        (tmp_path / name).write_text("WORD = 'good'\n")
    with serving(tmp_path, text=answering("v1")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(f"import os\n{HALF}", name)
        notice = server.wait("notice", level="warning")
        assert f"{name}:2: SyntaxError" in notice["text"]
        assert "blocks nothing" in notice["text"]
        server.save(answering("v2"))
        assert client.ask("x") == "v2 x"
        server.wait("rolled")
        server.process.send_signal(signal.SIGUSR1)
        server.wait("rolled")
        server.save(f"import os\n{HALF}", name)
        server.save(answering("v3"))
        assert client.ask("x") == "v3 x"
        assert server.past("refused") == []
        assert len(warnings(server)) == 1
        assert server.stop() == 0


@pytest.mark.parametrize("existed", [True, False], ids=["that was good", "that is new"])
def test_code_that_imports_a_half_written_file_is_refused_with_line(tmp_path: Path, existed: bool) -> None:
    """The author imports it too early; when it is finished all of it is live."""
    if existed:
        (tmp_path / "half.py").write_text("")
    with serving(tmp_path, text=answering("v1")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(HALF, "half.py")
        server.wait("notice", level="warning")
        server.save(answering("v2", extra="import half"))
        refused = server.wait("refused")
        assert (Path(refused["file"]).name, refused["line"]) == ("half.py", 1)
        assert refused["failures"][0]["type"] == "SyntaxError"
        assert client.ask("x") == "v1 x"
        server.save(f"x = 1\n{HALF}", "half.py")
        assert server.wait("refused")["line"] == 2
        server.save("x = 1\n", "half.py")
        assert client.ask("x") == "v2 x"
        assert server.stop() == 0


def test_code_that_imports_a_half_written_file_is_undone(tmp_path: Path) -> None:
    """What runs is what is on the disk again, though the file is still broken."""
    with serving(tmp_path, text=answering("v1")) as server:
        server.wait("rolled")
        server.save(answering("v2", extra="import half"))
        server.wait("refused")
        server.save(HALF, "half.py")
        assert server.wait("refused")["failures"][0]["type"] == "SyntaxError"
        server.save(answering("v1"))
        server.wait("restored")
        eventually("it is warned of", lambda: any("half.py:1" in text for text in warnings(server)))
        server.save(HALF, "half.py")
        assert not server.wait("checked")["changed"]
        assert Client(server.port).ask("x") == "v1 x"
        assert server.stop() == 0


def test_a_file_that_is_imported_late_and_is_broken_by_then_is_refused_then(tmp_path: Path) -> None:
    """A request gets the text that was good; the last word is that the disk holds another."""
    (tmp_path / "late.py").write_text("WORD = 'good'\n")
    text = answering("v1").replace("    conn.send", "    import late\n    conn.send")
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        server.save("WORD = 'better'\n", "late.py")
        server.wait("rolled")
        server.save(HALF, "late.py")
        server.wait("notice", level="warning")
        assert Client(server.port).ask("x") == "v1 x"
        assert Path(server.wait("refused")["file"]).name == "late.py"
        server.save("WORD = 'better'\n", "late.py")
        server.wait("restored")
        assert server.stop() == 0


def test_what_a_request_imported_once_counts_as_used_after_the_next_save(tmp_path: Path) -> None:
    """The new code has served no request yet: a typo in its views is refused all the same."""
    (tmp_path / "late.py").write_text("WORD = 'good'\n")
    text = answering("v1").replace("    conn.send", "    import late\n    conn.send")
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        assert Client(server.port).ask("x") == "v1 x"
        server.save(text.replace("v1", "v2"))
        server.wait("rolled")
        server.save(HALF, "late.py")
        assert Path(server.wait("refused")["file"]).name == "late.py"
        assert server.stop() == 0
