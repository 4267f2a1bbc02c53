"""The careless user: whatever is wrong with the command, its files or surroundings, the answer is clear."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.harness import COMMAND, DEADLINE, Client, answering, eventually, serving

SCRIPT = (str(Path(sys.executable).with_name("devserver")),)
"""The installed command: what a user types."""
PLAIN_ROOT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Root that obeys the permissions of files, as anybody else does."""
TELLS_NOTHING = ("unshare", "-Ur", "sh", "-c", 'echo 1 > /proc/sys/user/max_inotify_watches; exec "$@"', "sh")
"""A namespace of its own in which the limit of watches is soon reached."""


def run(folder: Path, *arguments: str, command: Sequence[str] = SCRIPT) -> tuple[int, str]:
    """Run a command that ends by itself; return its exit code and what it wrote."""
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE * 2,
        check=False,
    )
    output = done.stdout.decode(errors="replace")
    assert "Traceback" not in output
    assert "internal error" not in output
    return done.returncode, output


def refused(folder: Path, *arguments: str, command: Sequence[str] = SCRIPT) -> str:
    """Run a command that cannot be carried out; return the one sentence that says why."""
    code, output = run(folder, *arguments, command=command)
    assert (code, output.count("\n")) == (2, 1), output
    return output.removeprefix("devserver: ").rstrip("\n")


def as_anybody() -> tuple[str, ...]:
    """Return what to put before the command so that permissions hold."""
    if os.geteuid():
        return ()
    probe = [*PLAIN_ROOT, "true"]
    if not shutil.which("setpriv") or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("root cannot give up its privileges here")
    return PLAIN_ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with handlers that work."""
    (tmp_path / "handlers.py").write_text(answering("good"))
    return tmp_path


@pytest.fixture
def busy() -> Iterator[int]:
    """Return a port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


# The command cannot be carried out: one sentence, exit code 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing.py"], "there is no file {}/nothing.py: check the path"),
        (["hand lers"], "'hand lers' is neither a file in {} nor a module's name"),
        (["no.such.module"], "there is no module 'no.such.module' in {}, in {}/src or among the installed"),
        (["shop.main:app"], "there is no module 'shop.main'"),
        (["empty"], "'empty' is a folder, and none of handlers.py, app.py"),
        (["handlers.py:"], "'' in the target 'handlers.py:' is no attribute's name"),
        (["--tcp", "127.0.0.1:99999", "handlers.py"], "'127.0.0.1:99999' is no HOST:PORT"),
        (["--tcp", "no-such-host.invalid:80", "handlers.py"], "cannot listen on no-such-host.invalid:80 ("),
        (["--tcp", "a..b:80", "handlers.py"], "cannot listen on a..b:80 (not a host's name): choose another"),
        (["--tcp", "192.0.2.1:80", "handlers.py"], "cannot listen on 192.0.2.1:80 (Cannot assign requested"),
        (["--uds", "", "handlers.py"], "an empty path names no socket"),
        (["--uds", "handlers.py", "handlers.py"], "cannot listen on handlers.py (something else is there)"),
        (["--uds", "no/such/socket", "handlers.py"], "cannot listen on no/such/socket (No such file"),
        (["--uds", "x" * 200, "handlers.py"], "(AF_UNIX path too long): choose another path with --uds"),
        (
            ["--events", "no/such/file", "handlers.py"],
            "--events no/such/file cannot be written (No such file",
        ),
        (["--events", "empty", "handlers.py"], "--events empty cannot be written (Is a directory): give a"),
        (["--events", "fd:8", "handlers.py"], "--events fd:8 cannot be written (Bad file descriptor)"),
        (["--exclude", "!", "handlers.py"], "--exclude '!' is not a pattern"),
        (["--no-such-option"], "No such option '--no-such-option'."),
    ],
)
def test_a_command_that_cannot_be_carried_out_is_refused_in_one_sentence(
    project: Path, arguments: list[str], says: str
) -> None:
    """It says what is wrong and what to do."""
    (project / "empty").mkdir()
    assert says.replace("{}", str(project)) in refused(project, *arguments)


def test_without_a_target_the_usual_names_are_tried(tmp_path: Path) -> None:
    """Nothing given and nothing found: the names that would have been taken are said."""
    assert refused(tmp_path).startswith("no target was given, and none of handlers.py, app.py, main.py")


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    """A shell may stand in a folder that somebody has deleted."""
    leave = ("sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *SCRIPT)
    assert refused(tmp_path, "x.py", command=leave).startswith("the folder you are in is gone")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("[tool.devserver]\nwrokers = 1", "has no key 'wrokers'; it has also, boot-timeout"),
        ("[tool.devserver\n", "pyproject.toml cannot be read: "),
        ('[tool.devserver]\ntcp = ["x:y"]', "'x:y' is no HOST:PORT: try 127.0.0.1:9501, [::1]:9501 or"),
        ("[tool.devserver]\nworkers = 0", "0 is not in the range x>=1 (from "),
        ('[tool.devserver]\ntarget = "gone.py"', "there is no file "),
    ],
)
def test_a_mistake_in_pyproject_is_refused_in_one_sentence(project: Path, table: str, says: str) -> None:
    """Whoever starts the command need not have written the file: it is named."""
    (project / "pyproject.toml").write_text(table)
    assert says in refused(project)


def test_a_port_in_use_is_refused_with_its_holder(project: Path, busy: int) -> None:
    """The sentence names the address and, where it can be known, the process to stop."""
    who = f"process {os.getpid()}" if sys.platform == "linux" else "another process"
    sentence = refused(project, "--tcp", f"127.0.0.1:{busy}", "handlers.py")
    assert sentence.startswith(f"127.0.0.1:{busy} is in use by {who}: stop it, or choose another port")


def test_an_address_that_is_given_twice_is_said(project: Path) -> None:
    """Nobody is blamed for what the command itself does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = str(server.getsockname()[1])
    assert "is given twice" in refused(project, "--tcp", free, "--tcp", free, "handlers.py")


def test_a_socket_in_use_is_refused(project: Path) -> None:
    """A socket that is answered is not taken away from its server."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(project / "s"))
        server.listen()
        assert refused(project, "--uds", str(project / "s"), "handlers.py").startswith(
            f"{project}/s is in use"
        )
        assert (project / "s").is_socket()


def test_a_socket_that_nobody_answers_is_taken_over(project: Path) -> None:
    """What a killed server has left behind is no reason not to start."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(project / "s"))
    with serving(project, "--uds", "s", listen=False) as server:
        server.wait("ready")
        assert Client(str(project / "s")).ask("x") == "good x"
        assert server.stop() == 0
    assert not (project / "s").exists()


@pytest.mark.parametrize("option", ["--uds", "--events"])
def test_a_place_that_may_not_be_written_is_refused(project: Path, option: str) -> None:
    """The reason is the system's own."""
    command = (*as_anybody(), *SCRIPT)
    project.chmod(0o555)
    try:
        assert "(Permission denied): " in refused(project, option, "new", "handlers.py", command=command)
    finally:
        project.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "target", "says"),
    [
        ("x = 1\n", "it.py", "it.py has none of on_worker_start, on_connect, on_receive"),
        ("", "it.py", "define on_receive(conn, data) to begin with"),
        (answering("good"), "it.py:app", "it.py has no 'app': define it, or name another attribute"),
        (answering("good"), "types.py", "types.py cannot be imported: types is loaded already, from "),
    ],
)
def test_a_target_that_serves_nothing_ends_the_first_start(
    tmp_path: Path, text: str, target: str, says: str
) -> None:
    """The command was wrong: waiting for an edit would not help."""
    (tmp_path / target.partition(":")[0]).write_text(text)
    code, output = run(tmp_path, "--tcp", "127.0.0.1:0", target)
    last = output.splitlines()[-1]
    assert (code, says in last, output.count(says)) == (2, True, 1), output
    assert "refused" not in output
    assert "exited" not in output


def test_handlers_that_are_taken_away_before_the_first_good_code_do_not_end_it(tmp_path: Path) -> None:
    """Once it waits for an edit, an edit that is not yet the cure is no reason to leave."""
    with serving(tmp_path, text="def broken(:\n") as server:
        server.wait("refused")
        server.save("x = 1\n")
        assert server.wait("refused")["failures"][0]["type"] == "NoHandlers"
        server.save(answering("good"))
        server.wait("ready")
        assert Client(server.port).ask("x") == "good x"
        assert server.stop() == 0


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
    ("source", "says"),
    [
        (b"x = 1\0\n", "handlers.py:1: SyntaxError: source code string cannot contain null bytes"),
        (b"# coding: nonsense\n", "handlers.py:1: SyntaxError: unknown encoding: nonsense"),
        (b"x = '\xe9'\n", "handlers.py:1: SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xe9"),
    ],
    ids=["null byte", "unknown encoding", "wrong encoding"],
)
def test_a_source_that_cannot_be_read_is_named_at_the_first_start(
    tmp_path: Path, source: bytes, says: str
) -> None:
    """The file at fault is said, not the machinery that read it; the fix goes live."""
    (tmp_path / "handlers.py").write_bytes(source)
    with serving(tmp_path) as server:
        server.wait("refused")
        eventually("it is printed", lambda: "refused: " in server.output())
        assert says in server.output()
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


def test_a_source_that_may_not_be_read_is_said(project: Path) -> None:
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


def test_without_watches_it_polls_and_says_so_once(project: Path) -> None:
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
        assert server.output().count("Polling for changes") == 1
        assert "fs.inotify.max_user_watches" in server.output()
        assert server.stop() == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_change_nothing(project: Path, closed: str) -> None:
    """Whoever starts it need not listen, and nothing of ours takes the number of a standard stream."""
    command = ("sh", "-c", f'exec "$@" {closed}', "sh", *SCRIPT)
    with serving(project, text=answering("good", extra="print('hello')"), command=command) as server:
        server.wait("ready")
        client = Client(server.port)
        assert client.ask("x") == "good x"
        server.save(answering("new", extra="print('hello')"))
        assert client.ask("x") == "new x"
        assert server.stop() == 0


def test_events_to_a_closed_standard_output_are_refused(project: Path) -> None:
    """Nobody waits for events that nobody can get."""
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
