"""Bad code never replaces good code, whatever is bad about it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.harness import Client, answering, eventually, is_gone, serving

BAD = {
    "import error": ("import no_such_module_anywhere", "ModuleNotFoundError"),
    "exit in import": ("import sys\nsys.exit(3)", "SystemExit"),
    "hard exit in import": ("import os\nos._exit(3)", "WorkerExited"),
    "exception in import": ("1 / 0", "ZeroDivisionError"),
    "failing on_worker_start": ("def on_worker_start(server):\n    raise RuntimeError('no')", "RuntimeError"),
    "no handlers": ("", "NoHandlers"),
}


@pytest.mark.parametrize("case", BAD)
def test_code_that_cannot_start_is_refused_and_the_old_code_answers(tmp_path: Path, case: str) -> None:
    """Only the author notices; the fix is live at once."""
    extra, kind = BAD[case]
    with serving(tmp_path, "--handover", "overlap", text=answering("good")) as server:
        server.wait("ready")
        client = Client(server.port)
        server.save(answering("bad", extra=extra) if case != "no handlers" else "x = 1\n")
        assert client.ask("x") == "good x"
        failure = server.wait("refused", live=1)["failures"][0]
        assert failure["type"] == kind
        assert "Traceback (most recent call last)" not in server.output()
        server.save(answering("fixed"))
        assert client.ask("x") == "fixed x"
        assert server.stop() == 0


def test_a_module_that_never_finishes_importing_is_refused_with_its_stack(tmp_path: Path) -> None:
    """The boot timeout ends it, shows where it hung, and a newer save need not wait for it."""
    endless = "def spin():\n    while True:\n        pass\nspin()"
    with serving(tmp_path, "--boot-timeout", "3", text=answering("good")) as server:
        server.wait("ready")
        client = Client(server.port)
        server.save(answering("bad", extra=endless))
        refused = server.wait("refused")
        assert "in spin" in refused["failures"][0]["stack"]
        assert client.ask("x") == "good x"
        server.save(answering("bad again", extra=endless))
        server.wait("worker-started", generation=3)
        server.save(answering("fixed"))
        assert client.ask("x") == "fixed x"
        assert server.stop() == 0


def test_every_broken_file_is_named(tmp_path: Path) -> None:
    """Two files with typos: both are shown until both are mended."""
    (tmp_path / "one.py").write_text("")
    (tmp_path / "two.py").write_text("")
    text = answering("good", extra="import one, two")
    with serving(tmp_path, text=text) as server:
        server.wait("rolled")
        server.save("def (", "one.py")
        server.wait("refused")
        server.save("x = = 1", "two.py")
        failures = server.wait("refused")["failures"]
        assert {Path(failure["place"]["path"]).name for failure in failures} == {"one.py", "two.py"}
        server.save("", "one.py")
        assert [Path(f["place"]["path"]).name for f in server.wait("refused")["failures"]] == ["two.py"]
        server.save("", "two.py")
        server.wait("restored")
        assert server.stop() == 0


def test_a_typo_is_shown_with_file_line_and_caret(tmp_path: Path) -> None:
    """The plain output points at the very column."""
    with serving(tmp_path, text=answering("good")) as server:
        server.wait("ready")
        server.save("x = 1\ny = (2 +\n")
        server.wait("refused")
        eventually("the caret is printed", lambda: "^" in server.output())
        assert "handlers.py:2" in server.output()
        assert "y = (2 +" in server.output()
        assert server.stop() == 0


def test_the_last_good_code_starts_again_while_the_disk_is_broken(tmp_path: Path) -> None:
    """A Worker is killed and a lazy import runs, both with broken files on the disk."""
    (tmp_path / "lazy.py").write_text("WORD = 'lazy'\n")
    (tmp_path / "never.py").write_text("WORD = 'beside'\n")
    text = (
        "from devserver import Lines\n"
        "protocol = Lines()\n"
        "def on_receive(conn, data):\n"
        "    import importlib\n"
        "    conn.send(importlib.import_module(data.decode()).WORD + '\\n')\n"
    )
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.ask("lazy") == "lazy"
        for name in ("handlers.py", "lazy.py"):
            server.save("def broken(:\n", name)
            server.wait("refused")
        server.save("def broken(:\n", "never.py")
        assert not server.wait("checked")["changed"]
        [(worker, pid)] = server.workers().items()
        os.kill(pid, signal.SIGKILL)
        server.wait("worker-exited", worker=worker)
        assert client.ask("lazy") == "lazy"
        assert client.ask("never") == "beside"
        assert len(server.wait("refused")["failures"]) == 3
        (tmp_path / "handlers.py").unlink()
        [(worker, pid)] = server.workers().items()
        os.kill(pid, signal.SIGKILL)
        server.wait("worker-exited", worker=worker)
        assert client.ask("lazy") == "lazy"
        assert server.stop() == 0


@pytest.mark.parametrize("extra", ["def broken(:", "import no_such_module_anywhere", "raise SystemExit"])
def test_a_first_start_that_fails_stays_up_and_goes_live_on_the_fix(tmp_path: Path, extra: str) -> None:
    """Connections are accepted and wait; the fix answers them."""
    with serving(tmp_path, text=answering("good", extra=extra)) as server:
        server.wait("refused")
        client = Client(server.port)
        client.send("x")
        server.save(answering("fixed"))
        assert client.line() == "fixed x"
        assert server.stop() == 0


def test_a_missing_module_is_noticed_when_it_appears(tmp_path: Path) -> None:
    """The fix may be a file that was not there."""
    text = answering("good", extra="import extra.words")
    with serving(tmp_path, text=text) as server:
        server.wait("refused")
        (tmp_path / "extra").mkdir()
        server.save("", "extra/words.py")
        server.wait("ready")
        assert Client(server.port).ask("x") == "good x"
        assert server.stop() == 0


def test_a_handler_that_raises_shows_its_traceback_and_keeps_the_connection(tmp_path: Path) -> None:
    """The client goes on; the console has the app's own frames."""
    text = answering("good", extra="def boom():\n    raise ValueError('bang')").replace(
        "    conn.send", "    if data == b'boom':\n        boom()\n    conn.send"
    )
    with serving(tmp_path, text=text) as server:
        server.wait("ready")
        client = Client(server.port)
        client.send("boom")
        failure = server.wait("handler-failed")["failure"]
        assert (failure["type"], failure["message"]) == ("ValueError", "bang")
        assert [frame["function"] for frame in failure["frames"]] == ["on_receive", "boom"]
        assert client.ask("x") == "good x"
        eventually("the traceback is printed", lambda: "ValueError: bang" in server.output())
        assert server.stop() == 0


def test_a_warning_of_the_compiler_is_shown(tmp_path: Path) -> None:
    """What compile() warns of reaches the author."""
    with serving(tmp_path, text=answering("v1")) as server:
        server.wait("ready")
        server.save(answering("v2", extra="x = 1 is 1"))
        assert server.wait("compile-warning")["line"] == 3
        assert server.stop() == 0


def test_an_app_that_owns_a_port_reloads_by_the_exclusive_handover(tmp_path: Path) -> None:
    """Its new Worker cannot start beside the old one: it is reported once, and the client waits a moment."""
    bind = (
        "import socket\n"
        "def on_worker_start(server):\n"
        "    global side\n"
        "    side = socket.create_server(('127.0.0.1', PORT))\n"
    )
    with serving(tmp_path, text=answering("v0")) as probe:
        probe.wait("ready")
        port = probe.port
        assert probe.stop() == 0
    bind = bind.replace("PORT", str(port))
    with serving(tmp_path, "--workers", "1", text=answering("v1", extra=bind)) as server:
        server.wait("rolled")
        client = Client(server.port)
        for version in (2, 3):
            server.save(answering(f"v{version}", extra=bind))
            assert client.ask("x") == f"v{version} x"
        assert len([n for n in server.past("notice") if "retrying after it exits" in n["text"]]) == 1
        server.save(answering("bad", extra=bind + "    raise RuntimeError('no')"))
        assert client.ask("x") == "v3 x"
        server.save(answering("v4", extra=bind))
        assert client.ask("x") == "v4 x"
        assert server.stop() == 0


def test_what_a_dropped_candidate_started_is_gone(tmp_path: Path) -> None:
    """An endless import leaves no process behind when newer saves replace it."""
    endless = "import time\nwhile True:\n    time.sleep(0.01)"
    with serving(tmp_path, "--boot-timeout", "0", text=answering("v1")) as server:
        server.wait("rolled")
        server.save(answering("bad", extra=endless))
        stuck = server.wait("worker-started", generation=2)["pid"]
        server.save(answering("v3"))
        server.wait("live", generation=3)
        eventually("the stuck candidate is gone", lambda: is_gone(stuck))
        assert server.stop() == 0


RAISES = {
    "no unicode": ("raise ValueError('a \\udcff')", "a \\udcff"),
    "a __str__ that exits": (
        "raise type('Odd', (Exception,), {'__str__': lambda self: sys.exit(1)})",
        "<its __str__ raised SystemExit>",
    ),
    "a chain without end": ("chain(5000)", "4999"),
    "megabytes": ("raise ValueError('x' * 5_000_000)", "x" * 65536 + " … (4,934,464 characters more)"),
}
CHAIN = (
    "import sys\n"
    "def chain(length):\n"
    "    error = None\n"
    "    for number in range(length):\n"
    "        new = ValueError(number)\n"
    "        new.__cause__, error = error, new\n"
    "    raise error\n"
)


@pytest.mark.parametrize("case", RAISES)
def test_whatever_a_handler_raises_is_reported_and_the_next_line_is_answered(
    tmp_path: Path, case: str
) -> None:
    """An exception that is hard to describe costs neither the Worker nor the connection."""
    statement, message = RAISES[case]
    text = answering("good", extra=CHAIN).replace(
        "    conn.send", f"    if data == b'boom':\n        {statement}\n    conn.send"
    )
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        client.send("boom")
        assert server.wait("handler-failed")["failure"]["message"] == message
        assert client.ask("x") == "good x"
        assert len(server.past("worker-started")) == 1
        assert server.stop() == 0


def test_an_app_that_stops_the_event_loop_is_reported_and_served_on(tmp_path: Path) -> None:
    """The loop is the Worker's: it goes on, and so does the Worker."""
    text = answering("good", extra="import asyncio").replace(
        "    conn.send", "    if data == b'stop':\n        asyncio.get_event_loop().stop()\n    conn.send"
    )
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.ask("stop") == "good stop"
        assert server.wait("handler-failed")["failure"]["type"] == "LoopStopped"
        assert client.ask("x") == "good x"
        assert len(server.past("worker-started")) == 1
        assert server.stop() == 0


def test_a_file_whose_name_is_no_unicode_disturbs_nothing(tmp_path: Path) -> None:
    """It is saved beside the others, well and badly; the next save is live as ever."""
    odd = os.fsencode(tmp_path) + b"/odd\xff.py"
    with serving(tmp_path, text=answering("v1")) as server:
        server.wait("rolled")
        client = Client(server.port)
        for version, content in enumerate(("x = 1\n", "x = (\n", "x = 2\n"), start=2):
            with open(odd, "w") as file:
                file.write(content)
            assert client.ask("x").endswith(" x")
            os.unlink(odd)
            server.save(answering(f"v{version}"))
            assert client.ask("x") == f"v{version} x"
        assert "Traceback" not in server.output()
        assert server.stop() == 0


def test_a_broken_file_that_is_not_the_apps_does_not_keep_the_fix_waiting(tmp_path: Path) -> None:
    """A half-written test beside a refused app: mending the app is enough."""
    (tmp_path / "tests").mkdir()
    with serving(tmp_path, text=answering("v1")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(answering("v2", extra="def ("))
        server.wait("refused")
        server.save("def test_(", "tests/test_it.py")
        server.wait("checked")
        server.save(answering("v3"))
        assert client.ask("x") == "v3 x"
        assert server.stop() == 0
