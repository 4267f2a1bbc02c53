"""The commands on a running server, as they are typed: exit codes, text, JSON, refusals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devserver.control import sockets
from tests.command import SCRIPT, as_anybody, run
from tests.frameworks import need
from tests.harness import DEADLINE, answering, eventually, is_gone, serving

APP = (
    "print('app: imported')\n"
    "async def app(scope, receive, send):\n"
    "    if scope['type'] != 'http':\n"
    "        return\n"
    "    if scope['path'] == '/boom':\n"
    "        raise ValueError('no such room')\n"
    "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
    "    await send({'type': 'http.response.body', 'body': b'TEXT'})\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project with an app; what runs in it in the background is stopped in the end."""
    (tmp_path / "main.py").write_text(APP)
    yield tmp_path
    for found in sockets.of_project(str(tmp_path)):
        with suppress(ProcessLookupError):  # a test has killed it
            os.kill(found.pid, signal.SIGTERM)
            eventually("it has ended", partial(is_gone, found.pid))


def answer(folder: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Run a command with --json; return its exit code and the objects on its standard output."""
    done = subprocess.run(
        [*SCRIPT, *arguments, "--json"], cwd=folder, capture_output=True, timeout=DEADLINE, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def get(port: int, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as client:
        client.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        data = b""
        while piece := client.recv(65536):
            data += piece
        return data


def test_the_life_of_a_background_server(project: Path) -> None:
    """Started once it is live; asked from the project and below it; stopped, and nothing is left of it."""
    code, text = run(project, "--background", "main.py", "--port", "0")
    assert code == 0, text
    assert text.startswith("LIVE  main.py  ")
    (found,) = sockets.of_project(str(project))
    code, (status,) = answer(project, "status")
    assert (code, status["version"], status["code"]["state"], status["pid"]) == (0, 1, "live", found.pid)
    assert f"  http://127.0.0.1:{status['listeners'][0]['port']}\n" in text
    code, again = run(project, "--background", "main.py")
    assert (code, again.splitlines()[0]) == (0, f"already running, pid {found.pid}")

    (project / "deep").mkdir()
    (project / "main.py").write_text(APP.replace("TEXT", "two"))
    code, text = run(project / "deep", "wait")
    assert (code, text.startswith("LIVE  main.py  ")) == (0, True)
    port = status["listeners"][0]["port"]
    assert b"two" in get(port, "/")

    (project / "main.py").write_text(APP + "def broken(:\n")
    code, text = run(project, "wait")
    assert code == 1
    assert text.startswith("NOT LIVE  main.py:9 SyntaxError: invalid syntax — still running the code of ")
    assert "> 9 | def broken(:" in text
    code, (verdict,) = answer(project, "wait")
    assert (code, verdict["state"], verdict["failures"][0]["place"]["line"]) == (1, "not-live", 9)
    assert run(project, "status")[0] == 1
    code, text = run(project, "errors")
    assert (code, "> 9 | def broken(:" in text) == (1, True)

    code, text = run(project, "stop")
    assert (code, text) == (0, f"stopped (pid {found.pid})\n")
    eventually("it has ended", lambda: is_gone(found.pid))
    assert not os.path.exists(found.path)
    code, text = run(project, "status")
    assert (code, text.startswith(f"devserver: no devserver runs in {project}: start one there")) == (3, True)
    code, text = run(project, "logs")
    assert code == 0
    assert text.startswith(f"devserver: the server (pid {found.pid}) has ended; this is its log\n")
    assert "app: imported\n" in text
    assert text.endswith("devserver: stopped\n")


ROUTED = (
    "import os, time\n"
    "from starlette.applications import Starlette\n"
    "from starlette.responses import PlainTextResponse\n"
    "from starlette.routing import Mount, Route\n"
    "async def cart(request):\n"
    "    return PlainTextResponse('cart')\n"
    "async def busy(request):\n"
    "    open('busy', 'w').close()\n"
    "    while not os.path.exists('enough'):\n"
    "        time.sleep(0.01)\n"
    "    return PlainTextResponse('busy')\n"
    "shop = Mount('/shop', routes=[Route('/cart', cart, methods=['PUT'])])\n"
    "app = Starlette(routes=[Route('/busy', busy), shop])\n"
)


def test_the_routes_of_the_live_app(project: Path) -> None:
    """As text and as JSON, after an edit the new ones; a busy app and one that lists none get a sentence."""
    need("starlette")
    (project / "main.py").write_text(ROUTED)
    code, text = run(project, "--background", "main.py", "--port", "0")
    assert code == 0, text
    code, text = run(project, "routes")
    assert (code, text.splitlines()) == (
        0,
        ["GET  /busy       main.busy  main.py:7", "PUT  /shop/cart  main.cart  main.py:5"],
    )
    code, (first, _, end) = answer(project, "routes")
    assert (code, end) == (0, {"reply": "end", "version": 1, "note": ""})
    assert (first["path"], first["methods"], first["kind"], first["line"]) == ("/busy", ["GET"], "http", 7)

    (project / "main.py").write_text(ROUTED.replace("/cart", "/basket"))
    assert run(project, "wait")[0] == 0
    assert "/shop/basket" in run(project, "routes")[1]

    port = answer(project, "status")[1][0]["listeners"][0]["port"]
    with ThreadPoolExecutor() as pool:
        busy = pool.submit(get, port, "/busy")
        try:
            eventually("the app is busy", (project / "busy").exists)
            code, text = run(project, "routes")
            assert (code, "the app has not answered within 3 s: it is busy" in text) == (3, True), text
        finally:
            (project / "enough").touch()
        assert b"busy" in busy.result()
    assert run(project, "routes")[0] == 0

    (project / "main.py").write_text(APP)
    assert run(project, "wait")[0] == 0
    code, text = run(project, "routes")
    sentence = "devserver: app is a function and does not list its routes: read its code for them\n"
    assert (code, text) == (0, sentence)


def test_a_background_server_that_cannot_start_shows_why_and_leaves_nothing(project: Path) -> None:
    """The error whole, exit code 1, no process and no socket."""
    (project / "main.py").write_text("import no_such_thing\n")
    code, text = run(project, "--background", "main.py", "--port", "0")
    assert code == 1
    assert text.startswith("NOT LIVE  main.py:1 ModuleNotFoundError: No module named 'no_such_thing'")
    assert "> 1 | import no_such_thing" in text
    assert text.endswith("devserver: not started: fix this and start it again\n")
    assert sockets.of_project(str(project)) == []


def test_a_background_server_that_is_refused_shows_it_as_always(project: Path) -> None:
    """A port in use, a target that holds nothing: the same sentences as in a terminal."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, text = run(project, "--background", "main.py", "--port", str(port))
    assert (code, f"port {port}" in text or "in use" in text) == (2, True), text
    (project / "empty.py").write_text("")
    code, text = run(project, "--background", "empty.py", "--port", "0")
    assert (code, sockets.of_project(str(project))) == (2, []), text
    assert text.startswith("NOT LIVE  empty.py:1 NoHandlers: empty.py has no app")


def test_errors_logs_and_requests_of_a_server_in_a_terminal_s_place(project: Path) -> None:
    """What failed is named by its request; what was written is in the file that it was sent to."""
    with serving(project, target="main.py") as server:
        server.wait("ready")
        get(server.http_port, "/boom")
        get(server.http_port, "/fine")
        server.wait("handler-failed")
        code, errors = answer(project, "errors")
        assert (code, errors[0]["what"], errors[0]["current"]) == (1, "GET /boom", False)
        assert errors[0]["failure"]["message"] == "no such room"
        assert errors[-1] == {"reply": "end", "version": 1, "note": ""}
        code, text = run(project, "errors")
        assert "GET /boom\nValueError: no such room\n" in text
        assert "> 6 |         raise ValueError('no such room')" in text
        requests = eventually(
            "both are listed", lambda: listed if len(listed := answer(project, "requests")[1]) == 3 else None
        )
        assert [(each["method"], each["path"], each["status"]) for each in requests[:2]] == [
            ("GET", "/boom", 500),
            ("GET", "/fine", 200),
        ]
        assert [each["path"] for each in answer(project, "requests", "--failed")[1][:-1]] == ["/boom"]


def test_logs_of_a_server_whose_output_goes_to_nobody_s_file(project: Path) -> None:
    """Its own lines are kept; for what the app prints the answer shows where to look."""
    with serving(project, target="main.py") as server:
        server.wait("ready")
        code, text = run(project, "logs")
        assert (code, "devserver: listening on" in text, "app: imported" in text) == (0, True, False)
        assert "the app's output goes to where the server was started, and is not kept here" in text
        assert run(project, "logs", "-n", "1")[1].startswith("devserver: ready: generation 1")


def test_logs_are_those_of_the_file_that_the_output_goes_to(project: Path) -> None:
    """All of it, the last lines, or what came since a moment."""
    assert run(project, "--background", "main.py", "--port", "0")[0] == 0
    code, text = run(project, "logs")
    assert (code, "app: imported\n" in text, "devserver: listening on" in text) == (0, True, True)
    assert run(project, "logs", "-n", "1")[1].count("\n") == 1
    code, lines = answer(project, "logs")
    assert ("app", "app: imported\n") in [(line["source"], line["text"]) for line in lines]
    assert run(project, "logs", "--since", "0s")[0] == 0
    assert "app: imported" in run(project, "logs", "--since", "1h")[1]
    assert run(project, "stop")[0] == 0


def test_logs_are_followed_until_the_server_stops(project: Path) -> None:
    """Each line as it comes; then the command ends by itself."""
    with serving(project, target="main.py") as server:
        server.wait("ready")
        following = subprocess.Popen([*SCRIPT, "logs", "--follow"], cwd=project, stdout=subprocess.PIPE)
        assert following.stdout is not None
        assert any(b"ready: generation 1" in line for line in following.stdout)
        (project / "main.py").write_text(APP.replace("TEXT", "two"))
        assert any(b"live generation 2" in line for line in following.stdout)
        server.stop()
        rest = following.stdout.read()
        assert rest.endswith(b"devserver: stopped\n")
        assert following.wait(DEADLINE) == 0
        following.stdout.close()


def test_two_servers_in_one_folder_are_distinguished(project: Path) -> None:
    """The command asks which is meant, and names both."""
    with serving(project, target="main.py") as first, serving(project, target="main.py") as second:
        first.wait("ready")
        second.wait("ready")
        eventually("both have sockets", lambda: len(sockets.of_project(str(project))) == 2)
        code, text = run(project, "status")
        assert code == 2
        assert text.startswith("devserver: 2 servers run in this project, select one: --pid ")
        for server in (first, second):
            assert f"--pid {server.process.pid}: main.py http://127.0.0.1:{server.http_port}" in text
        code, (status,) = answer(project, "status", "--pid", str(second.process.pid))
        assert (code, status["pid"]) == (0, second.process.pid)


def test_two_commands_at_once_are_both_answered(project: Path) -> None:
    """Each gets the whole answer."""
    with serving(project, target="main.py") as server:
        server.wait("ready")
        commands = [
            subprocess.Popen([*SCRIPT, "wait"], cwd=project, stdout=subprocess.PIPE) for _ in range(4)
        ]
        for command in commands:
            out, _ = command.communicate(timeout=DEADLINE)
            assert (command.returncode, out.startswith(b"LIVE  main.py  ")) == (0, True)


def test_a_server_that_hangs_is_reported(project: Path) -> None:
    """A stopped process does not answer: a sentence, and exit code 3."""
    with serving(project, target="main.py") as server:
        server.wait("ready")
        eventually("its socket is there", lambda: sockets.of_project(str(project)))
        server.process.send_signal(signal.SIGSTOP)
        try:
            begun = time.monotonic()
            code, text = run(project, "status")
            assert time.monotonic() - begun < 30
        finally:
            server.process.send_signal(signal.SIGCONT)
        pid = server.process.pid
        assert (code, text) == (
            3,
            f"devserver: the server (pid {pid}) has not answered within 5 s: wait and try again, "
            f"or end it with kill {pid}\n",
        )


def test_a_target_of_a_command_s_name_is_reached_by_its_path(project: Path) -> None:
    """Or after `dev`."""
    (project / "status.py").write_text(APP)
    for dev, target in (((), "./status.py"), (("dev",), "status"), ((), "status.py")):
        with serving(project, target=target, command=(*SCRIPT, *dev)) as server:
            assert server.wait("ready")


def test_what_is_nearly_a_command_is_named(project: Path) -> None:
    """A typo in a command is taken for a target, and the answer shows which command it may be."""
    code, text = run(project, "staus")
    assert (code, text.endswith("did you mean the command status?\n"), text.count("\n")) == (2, True, 1)
    code, text = run(project, "status", "--jsn")
    assert (code, text) == (2, "devserver: there is no option --jsn: did you mean --json?\n")
    code, text = run(project, "logs", "--since", "yesterday")
    assert (code, "'yesterday' is not a time: try 10s" in text) == (2, True)
    code, text = run(project, "status", "--project", "nowhere")
    assert (code, text) == (2, "devserver: --project nowhere: there is no such folder\n")


def test_check_reads_every_file_of_the_project(project: Path) -> None:
    """Syntax first, then the app's start; ignored folders are left out."""
    (project / ".gitignore").write_text("ignored/\n")
    for folder in ("ignored", ".venv", "pkg"):
        (project / folder).mkdir()
        (project / folder / "bad.py").write_text("def broken(:\n")
    code, text = run(project, "check")
    assert (code, "pkg/bad.py:1" in text, text.endswith("1 of 2 files broken\n")) == (1, True, True)
    code, (checked,) = answer(project, "check")
    assert (checked["ok"], checked["files"], len(checked["failures"])) == (False, 2, 1)
    (project / "pkg" / "bad.py").unlink()
    assert run(project, "check") == (0, "1 file checked, no errors\n")
    code, text = run(project, "check", "--import")
    assert (code, text.endswith("1 file checked, no errors, and the app starts\n")) == (0, True), text
    (project / "main.py").write_text("import no_such_thing\n")
    code, text = run(project, "check", "main.py", "--import")
    assert (code, "ModuleNotFoundError: No module named 'no_such_thing'" in text) == (1, True)
    code, text = run(project, "check", "absent.py")
    assert (code, text) == (2, "devserver: there is no file or folder absent.py: check the path\n")


def test_init_writes_what_it_found_and_changes_nothing_else(project: Path) -> None:
    """Then `devserver` alone serves it."""
    (project / "pyproject.toml").write_text("[project]\nname = 'shop'  # mine\n")
    code, text = run(project, "init", "main:app")
    assert code == 0, text
    written = (project / "pyproject.toml").read_text()
    table = '[tool.devserver]\ntarget = "main.py:app"\n'
    assert written.startswith(f"[project]\nname = 'shop'  # mine\n\n{table}")
    with serving(project, target="--plain") as server:
        assert server.wait("started")["target"] == "main.py:app"
    code, text = run(project, "init")
    assert (code, "already has a table [tool.devserver]" in text) == (2, True)


def test_a_project_that_cannot_be_written_is_served_and_asked_all_the_same(project: Path) -> None:
    """The control socket lies elsewhere; init reports that it cannot write."""
    project.chmod(0o555)
    try:
        with serving(project, target="main.py", command=(*as_anybody(), *SCRIPT)) as server:
            server.wait("ready")
            assert run(project, "wait", command=(*as_anybody(), *SCRIPT))[0] == 0
        code, text = run(project, "init", command=(*as_anybody(), *SCRIPT))
        assert (code, "pyproject.toml cannot be written: Permission denied" in text) == (2, True), text
    finally:
        project.chmod(0o755)


def test_handlers_alone_are_commanded_too(tmp_path: Path) -> None:
    """A server without HTTP has no URL of a page; its address is named."""
    (tmp_path / "handlers.py").write_text(answering("one"))
    with serving(tmp_path) as server:
        server.wait("ready")
        code, text = run(tmp_path, "status")
        assert (code, f"{server.port}" in text or "http://" in text) == (0, True)


def test_the_recipe_for_vs_code_finds_file_and_line(project: Path) -> None:
    """The problem matchers of the docs, tried on what is really written."""
    docs = (Path(__file__).parents[2] / "docs" / "COMMANDS.md").read_text("utf-8")
    (block,) = [
        text for text in re.findall(r"```json\n(.*?)```", docs, re.DOTALL) if "problemMatcher" in text
    ]
    serve, check = [task["problemMatcher"] for task in json.loads(block)["tasks"]]
    with serving(project, target="main.py") as server:
        server.wait("ready")
        server.save("def broken(:\n", "main.py")
        server.wait("refused")
        lines = eventually(
            "it is written", lambda: text.splitlines() if "broken(:" in (text := server.output()) else None
        )
        code, checked = run(project, "check")
    found = [match for line in lines if (match := re.search(serve["pattern"]["regexp"], line))]
    assert [match.groups() for match in found] == [("main.py", "1", "SyntaxError: invalid syntax")]
    assert any(re.search(serve["background"]["beginsPattern"], line) for line in lines)
    assert any(re.search(serve["background"]["endsPattern"], line) for line in lines)
    head, place = checked.splitlines()[:2]
    first, second = (pattern["regexp"] for pattern in check["pattern"])
    assert (code, re.findall(first, head)) == (1, [("SyntaxError", "invalid syntax")])
    assert re.findall(second, place) == [("main.py", "1", "12")]


SETTINGS_APP = (
    "import logging, os\n"
    "logging.getLogger('uvicorn.error').debug('debug of CITY %s', os.environ['CITY'])\n"
    "logging.getLogger('shop').info('info of the shop')\n"
) + APP


def test_env_file_log_level_and_log_config_reach_the_app(project: Path, tmp_path_factory: Any) -> None:
    """Files that lie elsewhere; an edit of either is a reload, and a broken one is refused by its name."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "local.env").write_text("CITY=Paris\n")
    loggers = {"shop": {"level": "INFO", "handlers": ["out"]}}
    out = {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}}
    setup = {"version": 1, "disable_existing_loggers": False, "handlers": out, "loggers": loggers}
    (elsewhere / "log.json").write_text(json.dumps(setup))
    (project / "main.py").write_text(SETTINGS_APP)
    options = ("--env-file", str(elsewhere / "local.env"), "--log-config", str(elsewhere / "log.json"))
    with serving(project, *options, "--log-level", "debug", target="main.py") as server:
        server.wait("ready")
        eventually("it was printed", lambda: "debug of CITY Paris" in server.output())
        assert "info of the shop\n" in server.output()
        (elsewhere / "local.env").write_text("CITY=Rome\n")
        server.wait("live")
        eventually("it was printed", lambda: "debug of CITY Rome" in server.output())
        (elsewhere / "log.json").write_text("{}")
        refused = server.wait("refused")
        assert refused["failures"][0]["type"] == "LogConfigUnusable"
        assert "log.json cannot set up logging: ValueError" in refused["failures"][0]["message"]


def test_a_wrong_attribute_names_what_there_is(project: Path) -> None:
    """One sentence, before anything is served."""
    code, text = run(project, "main:ap", "--port", "0")
    assert (code, text.endswith("devserver: main.py has no 'ap': did you mean 'app'?\n")) == (2, True), text


def test_a_socket_that_cannot_be_opened_is_a_sentence(project: Path) -> None:
    """Another user's, or one whose permissions were taken away."""
    anybody = (*as_anybody(), *SCRIPT)
    with serving(project, target="main.py", command=anybody) as server:
        server.wait("ready")
        (found,) = eventually("its socket is there", lambda: sockets.of_project(str(project)))
        os.chmod(found.path, 0)
        code, text = run(project, "status", command=anybody)
        says = f"devserver: {found.path} cannot be opened: Permission denied: use the user that runs"
        assert (code, text) == (3, f"{says} the server\n")


def test_a_terminal_without_utf_8_gets_ascii(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No sign that it cannot show, and no traceback."""
    with serving(project, target="main.py") as server:
        server.wait("ready")
        server.save("def broken(:\n", "main.py")
        monkeypatch.setenv("PYTHONIOENCODING", "ascii")
        code, text = run(project, "wait")
        assert (code, text.isascii(), " - still running the code of " in text) == (1, True, True)
