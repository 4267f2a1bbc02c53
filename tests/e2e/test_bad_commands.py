"""The careless user: whatever is wrong with the command, the answer is one clear sentence."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import SCRIPT, as_anybody, good_project, refused, run
from tests.harness import Client, answering, serving

project = pytest.fixture(good_project)


@pytest.fixture
def busy() -> Iterator[int]:
    """Return a port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.py"], "there is no file {}/nothing.py: check the path"),
        (["hand lers"], "'hand lers' is neither a file in {} nor a module name"),
        (["no.such.module"], "there is no module 'no.such.module' in {}, in {}/src or among the installed"),
        (["shop.main:app"], "there is no module 'shop.main'"),
        (["empty"], "'empty' is a folder, and none of manage.py, handlers.py, app.py"),
        (["handlers.py:"], "'' in the target 'handlers.py:' is not an attribute name"),
        (["--tcp", "127.0.0.1:99999", "handlers.py"], "'127.0.0.1:99999' is not HOST:PORT"),
        (["--tcp", "no-such-host.invalid:80", "handlers.py"], "cannot listen on no-such-host.invalid:80 ("),
        (["--tcp", "a..b:80", "handlers.py"], "cannot listen on a..b:80 (not a host's name): choose another"),
        (["--tcp", "192.0.2.1:80", "handlers.py"], "cannot listen on 192.0.2.1:80 (Cannot assign requested"),
        (["--host", "a..b", "handlers.py"], "cannot listen on a..b:8000 (not a host's name): choose another"),
        (["--host", "192.0.2.1", "handlers.py"], "another address with --host and --port"),
        (["--ssl-certfile", "no.pem", "handlers.py"], "--ssl-certfile no.pem cannot be read (No such file"),
        (["--ssl-certfile", "handlers.py", "handlers.py"], "handlers.py does not hold a certificate and its"),
        (["--uds", "", "handlers.py"], "an empty path names no socket"),
        (["--uds", "handlers.py", "handlers.py"], "cannot listen on handlers.py (there is another file)"),
        (["--uds", "no/such/socket", "handlers.py"], "cannot listen on no/such/socket (No such file"),
        (["--uds", "x" * 200, "handlers.py"], "(AF_UNIX path too long): choose another path with --uds"),
        (
            ["--events", "no/such/file", "handlers.py"],
            "--events no/such/file cannot be written (No such file",
        ),
        (["--events", "empty", "handlers.py"], "--events empty cannot be written (Is a directory): give a"),
        (["--events", "fd:8", "handlers.py"], "--events fd:8 cannot be written (Bad file descriptor)"),
        (["--exclude", "!", "handlers.py"], "--exclude '!' is not a valid pattern"),
        (["--no-such-option"], "there is no option --no-such-option"),
    ],
)
def test_a_command_that_cannot_be_carried_out_is_refused_in_one_sentence(
    project: Path, arguments: list[str], message: str
) -> None:
    """It shows what is wrong and what to do."""
    (project / "empty").mkdir()
    assert message.replace("{}", str(project)) in refused(project, *arguments)


def test_without_a_target_the_usual_names_are_tried(tmp_path: Path) -> None:
    """Nothing given and nothing found: the names that would have been taken are reported."""
    assert refused(tmp_path).startswith("no target was given, and none of manage.py, handlers.py, app.py")


def test_a_folder_that_is_gone_is_reported(tmp_path: Path) -> None:
    """A shell may stand in a folder that was deleted."""
    leave = ("sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *SCRIPT)
    assert refused(tmp_path, "x.py", command=leave).startswith("the folder you are in is gone")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[tool.devserver]\nwrokers = 1", "has no key 'wrokers'; did you mean 'workers'?"),
        ("[tool.devserver\n", "pyproject.toml cannot be read: "),
        ('[tool.devserver]\ntcp = ["x:y"]', "'x:y' is not HOST:PORT: try 127.0.0.1:9501, [::1]:9501 or"),
        ("[tool.devserver]\nworkers = 0", "0 is not in the range x>=1 (from "),
        ('[tool.devserver]\ntarget = "gone.py"', "there is no file "),
    ],
)
def test_a_mistake_in_pyproject_is_refused_in_one_sentence(project: Path, table: str, message: str) -> None:
    """The user may not have written the file, so it is named."""
    (project / "pyproject.toml").write_text(table)
    assert message in refused(project)


def test_a_port_in_use_is_refused_with_its_holder(project: Path, busy: int) -> None:
    """The sentence names the address and, where it can be known, the process to stop."""
    who = f"process {os.getpid()}" if sys.platform == "linux" else "another process"
    sentence = refused(project, "--tcp", f"127.0.0.1:{busy}", "handlers.py")
    assert sentence.startswith(f"127.0.0.1:{busy} is in use by {who}: stop it, or choose another port")


def test_a_port_for_http_that_is_named_is_had_or_refused(project: Path, busy: int) -> None:
    """Who names a port has it in a link or a proxy: another one would be of no use."""
    who = f"process {os.getpid()}" if sys.platform == "linux" else "another process"
    sentence = refused(project, "--port", str(busy), "handlers.py")
    assert sentence == f"127.0.0.1:{busy} is in use by {who}: stop it, or choose another port with --port"


def test_a_default_port_for_http_gives_way(project: Path) -> None:
    """A second server takes the next free port, and shows who has the first."""
    with serving(project, "--tcp", "127.0.0.1:0", listen=False) as one:
        one.wait("ready")
        with serving(project, "--tcp", "127.0.0.1:0", listen=False) as two:
            two.wait("ready")
            assert two.http_port != one.http_port
            notices = [notice["text"] for notice in two.past("notice")]
            notice = next((text for text in notices if text.startswith("port 8000 is in use")), "")
            if two.http_port != 8000:  # it has that if somebody else gave it back
                assert notice.endswith(f": listening on {two.http_port} instead")
            if one.http_port == 8000 and sys.platform == "linux":
                assert f" by process {one.process.pid}:" in notice
            assert two.stop() == 0
        assert one.stop() == 0


def test_a_unix_socket_stands_for_the_default_ports(project: Path) -> None:
    """Who names a socket wants it in their place; a port that is named is opened beside it."""
    with serving(project, "--uds", "s", listen=False) as server:
        kinds = [listener["kind"] for listener in server.wait("ready")["listeners"]]
        assert kinds == ["uds"]
        assert server.stop() == 0
    with serving(project, "--uds", "s", "--port", "0", listen=False) as server:
        kinds = [listener["kind"] for listener in server.wait("ready")["listeners"]]
        assert kinds == ["http", "uds"]
        assert server.stop() == 0


@pytest.mark.parametrize("second", ["--tcp", "--port"])
def test_an_address_that_is_given_twice_is_reported(project: Path, second: str) -> None:
    """Nobody is blamed for what the command itself does."""
    with socket.socket() as held:  # bound without listening: nobody else gets it, and the command may bind it
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        free = str(held.getsockname()[1])
        assert "is given twice" in refused(project, "--tcp", free, second, free, "handlers.py")


def test_a_socket_in_use_is_refused(project: Path, short_path: Path) -> None:
    """A socket that is answered is not taken away from its server."""
    path = short_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert refused(project, "--uds", str(path), "handlers.py").startswith(f"{path} is in use")
        assert path.is_socket()


def test_a_socket_that_nobody_answers_is_taken_over(project: Path, short_path: Path) -> None:
    """What a killed server has left behind is no reason not to start."""
    path = short_path / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with serving(project, "--uds", str(path), listen=False) as server:
        server.wait("ready")
        assert Client(str(path)).ask("x") == "good x"
        assert server.stop() == 0
    assert not path.exists()


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
    ("text", "target", "message"),
    [
        (
            "x = 1\n",
            "it.py",
            "it.py has no app (app, application, create_app, make_app) and none of on_worker_start",
        ),
        ("", "it.py", "write app = … for HTTP, or define on_receive(conn, data) for TCP"),
        (answering("good"), "it.py:app", "it.py has no 'app': it has on_receive, protocol"),
        (answering("good"), "types.py", "types.py cannot be imported: types is loaded already, from "),
    ],
)
def test_a_target_that_serves_nothing_ends_the_first_start(
    tmp_path: Path, text: str, target: str, message: str
) -> None:
    """The command was wrong: waiting for an edit would not help."""
    (tmp_path / target.partition(":")[0]).write_text(text)
    code, output = run(tmp_path, "--tcp", "127.0.0.1:0", "--port", "0", target)
    last = output.splitlines()[-1]
    assert (code, message in last, output.count(message)) == (2, True, 1), output
    assert "refused" not in output
    assert "exited" not in output


READER = "compile(open('rules.txt').read(), 'rules.txt', 'exec')\n" + answering("good")
SETUP = '{"version": 1, "disable_existing_loggers": false}'


@pytest.mark.parametrize(
    ("name", "broken", "fixed", "code", "options"),
    [
        (".env", "A=\ud7ff\n", "A=1\n", answering("good"), ()),
        ("log.json", "{broken", SETUP, answering("good"), ("--log-config", "log.json")),
        ("rules.txt", "a b\n", "a = 1\n", READER, ()),
    ],
)
def test_a_broken_file_beside_the_code_is_refused_once_and_its_fix_runs(
    tmp_path: Path, name: str, broken: str, fixed: str, code: str, options: tuple[str, ...]
) -> None:
    """It was there before the start: nobody has saved it, so it is no edit."""
    (tmp_path / name).write_bytes(broken.encode("utf-16-le" if name == ".env" else "utf-8"))
    with serving(tmp_path, *options, text=code) as server:
        server.wait("refused")
        assert server.past("changed") == []
        server.save_at_once(fixed, name)
        server.wait("ready")
        assert [Path(path).name for fact in server.past("changed") for path in fact["paths"]] == [name]
        assert len(server.past("refused")) == 1


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
