"""Save, and the next line runs the new code on the connection that was open all the time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.harness import Client, answering, eventually, overwrite, serving


def test_the_main_job(tmp_path: Path) -> None:
    """Edit, save, and both lines come over the connection that was never cut; a typo changes nothing."""
    text = (Path(__file__).parents[2] / "sample_app" / "handlers.py").read_text()
    with serving(tmp_path, text=text) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("hello") == "Receive something"
        assert text.count('conn.send("Receive something\\n")') == 1
        edited = text.replace(
            'conn.send("Receive something\\n")',
            'conn.send("Receive something\\n")\n    conn.send("And something more\\n")',
        )
        server.save(edited)
        assert client.ask("hello") == "Receive something"
        assert client.line() == "And something more"
        server.save(edited + "\ndef broken(:\n")
        refused = server.wait("refused")
        assert refused["file"] == str(tmp_path / "handlers.py")
        assert refused["line"] == edited.count("\n") + 2
        assert client.ask("hello") == "Receive something"
        assert client.line() == "And something more"
        server.save(text)
        assert client.ask("hello") == "Receive something"
        assert client.is_open()
        assert server.stop() == 0


def test_a_line_sent_right_after_a_save_gets_the_new_code_200_of_200(tmp_path: Path) -> None:
    """No wait between the editor's close() and the client's line, and never an old answer."""
    with serving(tmp_path, text=answering("v0")) as server:
        server.wait("ready")
        client = Client(server.port)
        for version in range(1, 201):
            server.save(answering(f"v{version}"))
            assert client.ask("x") == f"v{version} x"
        assert server.stop() == 0


def write_in_place(path: Path, text: str) -> None:
    """Truncate, write, close."""
    path.write_text(text)


def write_in_two_steps(path: Path, text: str) -> None:
    """Truncate and close, then write: an empty file in between."""
    path.write_text("")
    overwrite(path, text)


def write_atomically(path: Path, text: str) -> None:
    """Write a temporary file and rename it over the old one."""
    temporary = path.with_name(".handlers.py.tmp")
    temporary.write_text(text)
    temporary.rename(path)


def write_from_elsewhere(path: Path, text: str) -> None:
    """Rename a file of another folder over the old one."""
    temporary = path.parent.parent / "elsewhere.py"
    temporary.write_text(text)
    temporary.rename(path)


def write_as_vim(path: Path, text: str) -> None:
    """Move the old file to a backup, write a new one, delete the backup."""
    backup = path.with_name("handlers.py~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()


@pytest.mark.parametrize(
    "save", [write_in_place, write_in_two_steps, write_atomically, write_from_elsewhere, write_as_vim]
)
def test_each_way_of_saving_causes_one_reload(tmp_path: Path, save: object) -> None:
    """Whatever the editor does to the file: one save, one reload, and no complaint on the way."""
    assert callable(save)
    folder = tmp_path / "project"
    folder.mkdir()
    with serving(folder, text=answering("v0")) as server:
        server.wait("ready")
        client = Client(server.port)
        for version in range(1, 4):
            save(folder / "handlers.py", answering(f"v{version}"))
            assert client.ask("x") == f"v{version} x"
            server.wait("rolled", generation=version + 1)
        assert server.past("refused") == []
        assert len(server.past("live")) == 4
        assert server.stop() == 0


def test_two_saves_of_the_same_size_within_a_second_are_both_seen(tmp_path: Path) -> None:
    """No cache that looks at whole seconds and sizes is asked."""
    with serving(tmp_path, text=answering("one")) as server:
        server.wait("ready")
        client = Client(server.port)
        for answer in ("two", "six", "ten"):
            server.save(answering(answer))
            os.utime(tmp_path / "handlers.py", (1_000_000_000, 1_000_000_000))
            assert client.ask("x") == f"{answer} x"
        assert server.stop() == 0


def test_touching_a_file_reloads_nothing(tmp_path: Path) -> None:
    """Content counts, not the time of its writing."""
    with serving(tmp_path, text=answering("same")) as server:
        server.wait("ready")
        server.wait("rolled")
        os.utime(tmp_path / "handlers.py")
        os.close(os.open(tmp_path / "handlers.py", os.O_WRONLY))
        assert server.wait("checked")["changed"] is False
        server.save(answering("same"))
        assert server.wait("checked")["changed"] is False
        assert len(server.past("live")) == 1
        assert server.stop() == 0


def test_a_save_during_start_up_is_not_lost(tmp_path: Path) -> None:
    """The file changes after the first Worker has read it and before it is ready."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    slow = answering("old", extra=f"open({str(gate)!r}).read()")
    with serving(tmp_path, text=slow) as server:
        server.wait("worker-started")
        with gate.open("w"):  # the Worker is in the midst of its import now
            server.save(answering("new"))
        client = Client(server.port)
        server.wait("live", generation=2)
        assert client.ask("x") == "new x"
        assert server.stop() == 0


def test_a_save_during_a_reload_ends_on_the_newest_code(tmp_path: Path) -> None:
    """The second save comes while the first is booting."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with serving(tmp_path, text=answering("v1")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(answering("v2", extra=f"open({str(gate)!r}).read()"))
        server.wait("worker-started", generation=2)
        with gate.open("w"):
            server.save(answering("v3"))
            assert client.ask("x") == "v3 x"
        assert server.stop() == 0


def test_overlapping_signals_each_count_and_the_server_lives_on(tmp_path: Path) -> None:
    """Five SIGUSR1 in a row, to the Manager and to the Master, end on the newest code, every slot filled."""
    with serving(tmp_path, text=answering("same")) as server:
        server.wait("rolled")
        client = Client(server.port)
        for number in range(5):
            os.kill(server.manager() if number % 2 else server.process.pid, signal.SIGUSR1)
            assert client.ask("x") == "same x"
        newest = 0
        while newest < 2 or server.past("worker-started")[-1]["generation"] > newest:
            newest = server.wait("rolled")["generation"]
        server.save(answering("new"))
        assert client.ask("x") == "new x"
        assert server.stop() == 0


@pytest.mark.parametrize("receiver", ["master", "manager"])
def test_each_signal_replaces_every_worker_once(tmp_path: Path, receiver: str) -> None:
    """n signals, one after another, start exactly n × W new Workers."""
    with serving(tmp_path, "--workers", "2", text=answering("same")) as server:
        server.wait("rolled")
        for number in range(3):
            os.kill(server.manager() if receiver == "manager" else server.process.pid, signal.SIGUSR1)
            server.wait("rolled", generation=number + 2)
        assert len(server.past("worker-started")) == 2 + 3 * 2
        assert server.stop() == 0


def test_a_new_module_and_a_changed_one_beside_it_are_reloaded(tmp_path: Path) -> None:
    """Own modules count like the target, also in a package, also when they are new."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "words.py").write_text("WORD = 'one'\n")
    text = answering("v").replace("'v'", "words.WORD").replace("protocol", "from shop import words\nprotocol")
    with serving(tmp_path, text=text) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "one x"
        server.save("WORD = 'two'\n", "shop/words.py")
        assert client.ask("x") == "two x"
        server.save("WORD = 'three'\n", "shop/more.py")
        server.save("from shop.more import WORD\n", "shop/words.py")
        assert client.ask("x") == "three x"
        (package / "more.py").unlink()
        refused = server.wait("refused")
        assert "shop.more" in refused["failures"][0]["message"]
        assert client.ask("x") == "three x"
        assert server.stop() == 0


def test_templates_and_extra_files_reload_too(tmp_path: Path) -> None:
    """A template, .env and whatever --also names."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("old")
    (tmp_path / "data.csv").write_text("1")
    (tmp_path / ".env").write_text("WORD=one\n")
    text = (
        answering("v")
        .replace("'v'", "WORD")
        .replace("protocol =", "import os\nWORD = os.environ['WORD']\nprotocol =")
    )
    with serving(tmp_path, "--also", "*.csv", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.ask("x") == "one x"
        server.save_and_wait("new", "templates/page.html")
        server.save_and_wait("2", "data.csv")
        server.save_and_wait("WORD=two\n", ".env")
        assert client.ask("x") == "two x"
        assert server.stop() == 0


def test_polling_sees_saves_too(tmp_path: Path) -> None:
    """Where there are no events, the files are looked at."""
    with serving(tmp_path, "--poll", text=answering("v1")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save_and_wait(answering("v2 and longer"))
        assert client.ask("x") == "v2 and longer x"
        assert server.stop() == 0


def test_the_framing_of_new_code_cuts_what_follows_the_save(tmp_path: Path) -> None:
    """`protocol` may change with a save, on a connection that stays."""
    with serving(tmp_path, text=answering("lines")) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "lines x"
        server.save(
            answering("marks").replace("Lines", "Delimited").replace("Delimited()", "Delimited(b';')")
        )
        client.socket.sendall(b"y;")
        assert client.line() == "marks y"
        assert server.stop() == 0


def test_the_timeline_names_each_step(tmp_path: Path) -> None:
    """Where the milliseconds of a reload went, adding up to the whole."""
    with serving(tmp_path, text=answering("v1")) as server:
        server.wait("rolled")
        live = server.save_and_wait(answering("v2"))
        assert list(live["steps"]) == ["settle", "check", "fork", "import", "start", "live"]
        assert sum(live["steps"].values()) == pytest.approx(live["total_ms"], abs=0.5)
        eventually("it is printed", lambda: "saved → live" in server.output())
        assert server.stop() == 0


def test_an_app_that_writes_its_own_source_at_each_start_is_reported_and_stopped(tmp_path: Path) -> None:
    """No endless reload, and the author's own save of that file still counts."""
    (tmp_path / "stamp.py").write_text("")
    write = (
        "import pathlib, time\n"
        "import stamp\n"
        "pathlib.Path(stamp.__file__).write_text(f'STAMP = {time.time_ns()}\\n')"
    )
    with serving(tmp_path, "--workers", "1", text=answering("v1", extra=write)) as server:
        notice = server.wait("notice", level="warning")
        assert "stamp.py is rewritten on every start" in notice["text"]
        client = Client(server.port)
        server.save(answering("v2", extra=write))
        assert client.ask("x") == "v2 x"
        server.save("STAMP = 0\n", "stamp.py")
        server.wait("live")
        assert client.ask("x") == "v2 x"
        assert server.stop() == 0


def test_touching_a_template_reloads_nothing(tmp_path: Path) -> None:
    """Also the first time: what lies beside the code was read when it went live."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("old")
    with serving(tmp_path, text=answering("same")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(answering("same"))  # is read after what lies beside it
        assert server.wait("checked")["changed"] is False
        server.save("old", "templates/page.html")
        assert server.wait("checked")["changed"] is False
        assert client.ask("x") == "same x"
        server.save("new", "templates/page.html")
        assert server.wait("checked")["changed"] is True
        assert server.stop() == 0
