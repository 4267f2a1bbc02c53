"""A Manager that is stopped or hangs is replaced as if it had died, and never comes back beside another."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest

from tests.harness import DEADLINE, Client, answering, eventually, is_gone, serving
from tests.survivor import version


def test_a_request_after_a_save_is_answered_though_the_manager_is_stopped(tmp_path: Path) -> None:
    """Within seconds another one boots the save; the stopped one is ended, and that is reported."""
    with serving(tmp_path, "--workers", "1", text=answering("v1")) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.ask("x") == "v1 x"
        manager = server.manager()
        os.kill(manager, signal.SIGSTOP)
        server.save(answering("v2"))
        assert client.ask("y") == "v2 y"
        assert is_gone(manager)
        exited = server.wait("manager-exited")
        assert exited["pid"] == manager
        assert "had not answered" in exited["reason"]
        eventually("it is printed", lambda: "had not answered" in server.output())
        server.wait("rolled", generation=2)
        eventually("the orphan has left", lambda: len(server.workers()) == 1)
        assert server.past("lost") == []
        assert server.stop() == 0


def test_a_worker_that_dies_while_the_manager_is_stopped_is_replaced(tmp_path: Path) -> None:
    """Nobody has saved anything: the end of its link is enough to ask the Manager."""
    with serving(tmp_path, "--workers", "1", text=version(1)) as server:
        server.wait("rolled")
        [pid] = server.workers().values()
        os.kill(server.manager(), signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)  # if the request comes before this is known, it is run again
        answer = httpx.get(f"http://127.0.0.1:{server.http_port}/version", timeout=DEADLINE)
        assert answer.text == "v1"
        assert server.stop() == 0


def test_a_stopped_successor_that_has_preloaded_does_not_hold_the_next_save_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended when it does not take the save, and the Manager before it serves again."""
    site, project = tmp_path / "lib" / "site-packages", tmp_path / "project"
    site.mkdir(parents=True)
    project.mkdir()
    (site / "heavy.py").write_text("import time\ntime.sleep(0.1)\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    text = answering("v1", extra="import heavy")
    with serving(project, "--workers", "1", "--warm", "off", text=text) as server:
        client = Client(server.port)
        [standby] = [server.wait("manager-started", standby=True)["pid"]]
        server.wait("preloaded")
        os.kill(standby, signal.SIGSTOP)
        server.save(text.replace("v1", "v2"))
        assert client.ask("y") == "v2 y"
        assert is_gone(standby)
        assert server.stop() == 0
