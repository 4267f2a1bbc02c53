"""Unusual files, names and surroundings: the app is served, or the answer is clear."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.command import SCRIPT, as_anybody, good_project, refused
from tests.harness import COMMAND, Client, answering, eventually, serving

project = pytest.fixture(good_project)

TELLS_NOTHING = ("unshare", "-Ur", "sh", "-c", 'echo 1 > /proc/sys/user/max_inotify_watches; exec "$@"', "sh")
"""A namespace of its own in which the limit of watches is soon reached."""
NULL_BYTE = "SyntaxError" if sys.version_info >= (3, 11, 4) else "ValueError"
"""What compile() raises for one."""


# Unusual files and names: they are served


@pytest.mark.parametrize(
    "source",
    [
        ("# -*- coding: latin-1 -*-\nassert len('é') == 1\n" + answering("good")).encode("latin-1"),
        b"\xef\xbb\xbf" + answering("good").encode(),
        answering("good").replace("\n", "\r\n").encode(),
    ],
    ids=["latin-1 with a cookie", "BOM", "CRLF"],
)
def test_a_source_is_read_as_python_reads_it(tmp_path: Path, source: bytes) -> None:
    """Encodings and line ends are the file's own affair, at the start and in a reload."""
    (tmp_path / "handlers.py").write_bytes(source)
    with serving(tmp_path) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "good x"
        (tmp_path / "handlers.py").write_bytes(source.replace(b"good", b"new"))
        assert client.ask("x") == "new x"
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"x = 1\ny = 2\0\n", f"handlers.py:2: {NULL_BYTE}: source code string cannot contain null bytes"),
        (b"x = 1\n" + b"-" * 100_000 + b"1\n", "handlers.py:1: "),
        (b"# coding: nonsense\n", "handlers.py:1: SyntaxError: unknown encoding: nonsense"),
        (b"x = '\xe9'\n", "handlers.py:1: SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xe9"),
    ],
    ids=["null byte", "hostile nesting", "unknown encoding", "wrong encoding"],
)
def test_a_source_that_cannot_be_read_is_named_at_the_first_start(
    tmp_path: Path, source: bytes, message: str
) -> None:
    """The file at fault is reported, not the machinery that read it; the fix goes live."""
    (tmp_path / "handlers.py").write_bytes(source)
    with serving(tmp_path) as server:
        server.wait("refused")
        eventually("it is printed", lambda: "refused: " in server.output())
        assert message in server.output()
        assert "importlib" not in server.output()
        server.save(answering("good"))
        server.wait("ready")
        assert server.stop() == 0


@pytest.mark.parametrize(
    "name", ["my-handlers.py", "with spaces/hand lers.py", "schöne/größe.py", "calendar.py"]
)
def test_a_target_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Dashes, blanks, letters of any language, the name of a module that only Python's library has."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(answering("good"))
    with serving(tmp_path, target=name) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "good x"
        server.save(answering("new"), name)
        assert client.ask("x") == "new x"
        assert server.stop() == 0


def test_a_target_in_a_package_may_import_its_neighbours(tmp_path: Path) -> None:
    """Relative imports work, and a neighbour's edit goes live."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").touch()
    (tmp_path / "shop/words.py").write_text("WORD = 'one'\n")
    text = answering("", extra="from .words import WORD").replace("''", "WORD")
    (tmp_path / "shop/main.py").write_text(text)
    with serving(tmp_path, target="shop/main.py") as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "one x"
        server.save("WORD = 'two'\n", "shop/words.py")
        assert client.ask("x") == "two x"
        assert server.stop() == 0


@pytest.mark.parametrize("command", [SCRIPT, COMMAND], ids=["devserver", "python -m devserver"])
def test_modules_beside_the_target_are_the_apps_own(tmp_path: Path, command: Sequence[str]) -> None:
    """A project's click.py or selectors.py is nothing that the server itself would import."""
    for name in ("selectors", "socket", "click", "rich", "logging", "asyncio", "watchdog", "uvloop"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(f'{__name__} was imported')\n")
    (tmp_path / "click.py").write_text("WORD = 'mine'\n")
    text = answering("", extra="from click import WORD").replace("''", "WORD")
    with serving(tmp_path, text=text, command=command) as server:
        server.wait("ready")
        assert Client(server.port).ask("x") == "mine x"
        assert server.stop() == 0


def test_links_in_the_tree_lead_nobody_astray(tmp_path: Path) -> None:
    """Dangling links and loops are passed over; a target that is a link is followed, and its file watched."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real/chat.py").write_text(answering("good"))
    (tmp_path / "handlers.py").symlink_to("real/chat.py")
    (tmp_path / "dead.py").symlink_to("nowhere.py")
    (tmp_path / "self.py").symlink_to("self.py")
    (tmp_path / "real/up").symlink_to("..")
    with serving(tmp_path) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "good x"
        server.save(answering("new"), "real/chat.py")
        assert client.ask("x") == "new x"
        assert server.stop() == 0


def test_a_target_that_is_a_dangling_link_is_refused(tmp_path: Path) -> None:
    """It is as good as missing."""
    (tmp_path / "handlers.py").symlink_to("handlers.py")
    assert "there is no file" in refused(tmp_path, "handlers.py")


# Unusual surroundings: it serves


def test_a_project_without_permissions_is_served(project: Path) -> None:
    """A folder that may not be written, with one in it that may not be read, can still be run."""
    command = (*as_anybody(), *SCRIPT)
    (project / "secret").mkdir(mode=0)
    project.chmod(0o555)
    try:
        with serving(project, command=command) as server:
            server.wait("ready")
            client = Client(server.port)
            assert client.ask("x") == "good x"
            server.save(answering("new"))
            assert client.ask("x") == "new x"
            assert server.stop() == 0
    finally:
        project.chmod(0o755)
        (project / "secret").chmod(0o755)


def test_a_source_that_may_not_be_read_is_reported(project: Path) -> None:
    """At the first start it waits for the fix, as with any other fault of the code."""
    command = (*as_anybody(), *SCRIPT)
    (project / "handlers.py").chmod(0)
    with serving(project, command=command) as server:
        server.wait("refused")
        said = f"refused: PermissionError: [Errno 13] Permission denied: '{project}/handlers.py'"
        eventually("it is printed", lambda: said in server.output())
        assert server.stop() == 0


def test_many_folders_cost_no_threads(tmp_path: Path) -> None:
    """20,000 files in 2,000 folders: one process watches them with a handful of threads."""
    for number in range(2000):
        folder = tmp_path / f"part{number // 50}" / f"piece{number}"
        folder.mkdir(parents=True)
        for name in range(10):
            (folder / f"module{name}.py").touch()
    with serving(tmp_path, text=answering("good")) as server:
        server.wait("ready")
        assert len(os.listdir(f"/proc/{server.process.pid}/task")) < 16
        assert len(os.listdir(f"/proc/{server.manager()}/task")) == 1
        client = Client(server.port)
        server.save(answering("new"))
        assert client.ask("x") == "new x"
        assert server.stop() == 0


def test_without_watches_it_polls_and_reports_that_once(project: Path) -> None:
    """A machine whose limit of watches is reached still sees each save."""
    probe = [*TELLS_NOTHING, "sh", "-c", "test $(cat /proc/sys/user/max_inotify_watches) = 1"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no namespace of our own can be had here")
    (project / "sub").mkdir()
    with serving(project, command=(*TELLS_NOTHING, *SCRIPT)) as server:
        server.wait("ready")
        assert Client(server.port).ask("x") == "good x"
        server.save_and_wait(answering("new"))
        assert Client(server.port).ask("x") == "new x"
        eventually("it is printed", lambda: "fs.inotify.max_user_watches" in server.output())
        assert server.output().count("Polling for changes") == 1
        assert server.stop() == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_change_nothing(project: Path, closed: str) -> None:
    """Its parent need not listen, and no descriptor of ours takes the number of a standard stream."""
    command = ("sh", "-c", f'exec "$@" {closed}', "sh", *SCRIPT)
    with serving(project, text=answering("good", extra="print('hello')"), command=command) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "good x"
        server.save(answering("new", extra="print('hello')"))
        assert client.ask("x") == "new x"
        assert server.stop() == 0


def test_events_to_a_closed_standard_output_are_refused(project: Path) -> None:
    """No client waits for events that it cannot get."""
    command = ("sh", "-c", 'exec "$@" >&-', "sh", *SCRIPT)
    assert "--events - cannot be written (standard output is closed)" in refused(
        project, "--events", "-", "handlers.py", command=command
    )


@pytest.mark.parametrize(
    "command",
    [
        ("env", "-i", *SCRIPT),
        ("env", "-u", "HOME", "TERM=dumb", *SCRIPT),
        ("env", "PYTHONSAFEPATH=1", *COMMAND),
        ("env", "PYTHONPATH=/no/such/folder", "PYTHONWARNINGS=error", *COMMAND),
        ("env", "PYTHONOPTIMIZE=2", "LC_ALL=C", *COMMAND),
        (sys.executable, "-X", "dev", "-m", "devserver"),
        (sys.executable, "-I", "-O", "-W", "error", "-m", "devserver"),
    ],
    ids=["env -i", "no HOME", "PYTHONSAFEPATH", "PYTHONPATH", "PYTHONOPTIMIZE", "-X dev", "-I -O -W error"],
)
def test_the_surroundings_do_not_matter(project: Path, command: Sequence[str]) -> None:
    """Started by cron, by a tool or with the flags of a cautious developer, it serves and reloads."""
    with serving(project, command=command) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "good x"
        server.save(answering("new"))
        assert client.ask("x") == "new x"
        assert server.stop() == 0
        assert "Traceback" not in server.output()
        assert "Warning" not in server.output()
