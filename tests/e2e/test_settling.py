"""When the disk is quiet, what runs is what is on the disk, or the last word is why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import Client, DevServer, Fact, serving

WORDS = (
    "from devserver import Lines\n"
    "import b, a\n"
    "protocol = Lines()\n"
    "def on_receive(conn, data):\n"
    "    conn.send(f'{a.WORD} {b.WORD}\\n')\n"
)
VERDICTS = ("live", "refused", "restored")
BROKEN = {"a typo": "WORD = (\n", "an import error": "import no_such_module_anywhere\n"}


def last_word(server: DevServer) -> Fact:
    """Return the newest event that shows what became of the code."""
    server.past("live")
    return next(fact for fact in reversed(server.facts) if fact["event"] in VERDICTS)


def word(value: object) -> str:
    """Return a module that holds `value`."""
    return f"WORD = {value!r}\n"


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "both at once"])
def test_a_save_that_was_refused_for_another_file_runs_when_that_one_is_undone(
    tmp_path: Path, fault: str, at_once: bool
) -> None:
    """The first file is good all the time and is not touched again."""
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(word(1))
    with serving(tmp_path, text=WORDS) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(BROKEN[fault], "b.py")
        if not at_once:
            server.wait("refused")
        server.save(word(2), "a.py")
        server.wait("refused")
        assert client.ask("x") == "1 1"
        server.save(word(1), "b.py")
        assert client.ask("x") == "2 1"
        server.wait("live")  # the answer may come before the event is written
        assert last_word(server)["event"] == "live"
        assert server.stop() == 0


def test_a_save_that_was_refused_while_another_boots_runs_when_the_typo_is_undone(tmp_path: Path) -> None:
    """The candidate that boots has neither of the two."""
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(word(1))
    gate = tmp_path / "gate"
    slow = WORDS + f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.01)\n"
    with serving(tmp_path, text=WORDS) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(slow)
        server.wait("worker-started", generation=2)
        server.save(BROKEN["a typo"], "b.py")
        server.wait("refused")
        server.save(word(2), "a.py")
        server.wait("refused")
        server.save(word(1), "b.py")
        server.wait("worker-started", generation=3)
        gate.touch()
        assert client.ask("x") == "2 1"
        server.wait("live", generation=3)
        assert last_word(server)["event"] == "live"
        assert server.stop() == 0


def test_a_refusal_stands_when_an_older_slow_save_goes_live_after_it(tmp_path: Path) -> None:
    """The last word is the refusal, and the missing module is noticed in a folder that did not exist."""
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(word(1))
    gate = tmp_path / "gate"
    slow = f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.01)\n"
    with serving(tmp_path, text=WORDS) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(slow + word(2), "a.py")
        server.wait("worker-started", generation=2)
        server.save("from feature.x import WORD\n", "b.py")
        server.wait("worker-started", generation=3)
        server.wait("refused", generation=3)
        gate.touch()
        server.wait("live", generation=2)
        refused = server.wait("refused", live=2)
        assert "feature" in refused["failures"][0]["message"]
        assert client.ask("x") == "2 1"
        (tmp_path / "feature").mkdir()
        server.save(word(3), "feature/x.py")
        server.wait("live")
        assert client.ask("x") == "2 3"
        assert last_word(server)["event"] == "live"
        assert server.stop() == 0


def test_refused_code_is_not_tried_again_when_a_worker_of_the_old_code_is_replaced(tmp_path: Path) -> None:
    """The one that starts again runs older code than the disk holds: that is no save."""
    (tmp_path / "a.py").write_text(word(1))
    (tmp_path / "b.py").write_text(word(1))
    with serving(tmp_path, "--workers", "1", "--handover", "exclusive", text=WORDS) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save_at_once(BROKEN["an import error"], "b.py")
        server.wait("worker-ready", generation=1)
        assert client.ask("x") == "1 1"
        server.save_at_once(word(2), "a.py")
        server.wait("worker-ready", generation=1)
        server.save_at_once(word(1), "a.py")
        server.wait("worker-ready", generation=1)
        server.save_at_once(word(1), "b.py")
        server.wait("restored")
        assert client.ask("x") == "1 1"
        assert len(server.past("changed")) == 4
        assert server.stop() == 0
