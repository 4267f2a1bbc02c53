"""Each row of docs/WHAT-THE-APP-SEES.md: what an app gets, and finds around it, compared with uvicorn."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.harness import COMMAND, DEADLINE, serving
from tests.side_by_side import Pair, ask, side_by_side

DOCUMENT = Path(__file__).parents[2] / "docs" / "WHAT-THE-APP-SEES.md"
FILES = (
    "what_the_app_sees",
    "what_a_wsgi_app_sees",
    "wsgi_responses",
    "same_as_uvicorn",
    "same_websocket_as_uvicorn",
    "malformed_requests",
    "websocket_conformance",
)
OWN_WORDS = (
    "Started server process",
    "Waiting for application",
    "Application startup",
    "Application shutdown",
    "Uvicorn running",
    "Shutting down",
    "Finished server process",
)
"""What uvicorn logs of itself; devserver has lines of its own for that."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Start both once."""
    with side_by_side(tmp_path_factory.mktemp("probe"), "probe") as pair:
        yield pair


def test_each_row_has_a_test() -> None:
    """The table promises nothing that is not looked at, and nothing is looked at that it does not name."""
    rows = [line for line in DOCUMENT.read_text().splitlines() if re.match(r"\| (?!.*\| test \|$)", line)]
    named = [set(re.findall(r"`(test_\w+)`", row.rpartition(" | ")[2])) for row in rows]
    assert all(named)
    tests = "\n".join(Path(__file__).with_name(f"test_{name}.py").read_text() for name in FILES)
    assert set().union(*named) == set(re.findall(r"^def (test_\w+)", tests, re.M)) - {
        "test_each_row_has_a_test"
    }


# scopes


def test_the_scope_of_a_request(pair: Pair) -> None:
    """The same keys with values of the same types; headers in order, in small letters, with doubles."""
    headers = ("X-B: 1", "x-a: 2", "X-B:  3 ", "Cookie: a=1", "Cookie: b=2", "X-Latin: \xe9", "Accept:")
    uvicorn, devserver = pair.ask("/a%20b/%C3%A9%2F;x?q=%20&r=1+2", *headers)
    for seen, port in zip((uvicorn, devserver), pair.ports, strict=True):
        assert seen.pop("server") == repr(("127.0.0.1", port))
        assert re.fullmatch(r"\('127\.0\.0\.1', \d+\)", seen.pop("client"))
        seen["keys"].sort()
    assert devserver == uvicorn
    assert devserver["state"] == "{'number': 1, 'shared': []}"


def test_the_scope_of_a_websocket(pair: Pair) -> None:
    """The same for WebSockets, with the subprotocols and the extension for refusals."""
    seen = []
    for port in pair.ports:
        address = f"ws://localhost:{port}/a%20b?q=%20"
        with connect(address, subprotocols=["one", "two"], additional_headers={"X-A": "1"}) as client:  # type: ignore[list-item]
            client.send("scope")
            scope = json.loads(client.recv(DEADLINE))
        assert scope.pop("server") == repr(("127.0.0.1", port))
        scope.pop("client")
        scope["keys"].sort()
        scope["headers"] = re.sub(r"localhost:\d+|(?<=key', b')[^']+", "-", scope["headers"])
        seen.append(scope)
    assert seen[1] == seen[0]


def test_the_client_is_the_one_who_asks(pair: Pair) -> None:
    """`client` is the other end of the connection, though another process holds it."""
    with socket.create_connection(("127.0.0.1", pair.devserver.http_port), DEADLINE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["client"] == repr(client.getsockname())


def test_a_proxy_is_believed(pair: Pair) -> None:
    """X-Forwarded-For and -Proto of a proxy on this machine are client and scheme."""
    uvicorn, devserver = pair.ask("/", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https")
    assert (devserver["client"], devserver["scheme"]) == (uvicorn["client"], uvicorn["scheme"])
    assert (devserver["client"], devserver["scheme"]) == ("('192.0.2.7', 0)", "'https'")


def test_the_lifespan(pair: Pair) -> None:
    """The lifespan's scope and events; each request has a copy of its `state`, whose values are shared."""
    uvicorn, devserver = pair.ask("/process")
    assert devserver["lifespan scope"] == uvicorn["lifespan scope"]
    assert devserver["start-up event"] == uvicorn["start-up event"]


def test_the_root_path(tmp_path: Path) -> None:
    """--root-path is in root_path, and in front of path and raw_path."""
    with side_by_side(tmp_path, "probe", ("--root-path", "/api")) as pair:
        uvicorn, devserver = pair.ask("/a%20b")
        keys = ("root_path", "path", "raw_path")
        assert [devserver[key] for key in keys] == [uvicorn[key] for key in keys]
        assert devserver["path"] == "'/api/a b'"


def test_a_resumed_connection_is_marked(tmp_path: Path) -> None:
    """A WebSocket that newer code goes on with has the extension `devserver.resumed` with the generation."""
    text = (Path(__file__).parents[1] / "apps" / "probe.py").read_text()
    (tmp_path / "probe.py").write_text(text)
    with serving(tmp_path, target="probe.py") as server:
        server.wait("ready")
        with connect(f"ws://localhost:{server.http_port}/") as client:
            client.send("scope")
            first = json.loads(client.recv(DEADLINE))
            server.save_and_wait(text + "\n", "probe.py")
            client.send("scope")
            second = json.loads(client.recv(DEADLINE))
    assert first["extensions"] == "{'websocket.http.response': {}}"
    assert (
        second.pop("extensions") == "{'websocket.http.response': {}, 'devserver.resumed': {'generation': 2}}"
    )
    assert second == {key: value for key, value in first.items() if key != "extensions"}


# the process

ON_PURPOSE = {"argv", "cwd", "main", "path", "loop at import", "variables"}


def test_the_process(pair: Pair) -> None:
    """Module, thread, streams, locale, hooks, limits and signals: at import, at start-up and in a request."""
    uvicorn, devserver = pair.ask("/process")
    assert {key for key in uvicorn if devserver[key] != uvicorn[key]} <= ON_PURPOSE


def test_names_and_paths(pair: Pair) -> None:
    """sys.argv is the target and its arguments, sys.path begins with its folder, __main__ is the server."""
    _, seen = pair.ask("/process")
    folder = str(pair.devserver.folder)
    assert seen["argv"] == [f"{folder}/probe.py"]
    assert (seen["path"][0], seen["cwd"]) == (folder, folder)
    assert seen["main"].endswith("__main__.py")
    assert not seen["import"]["is main"]


def test_context_variables(pair: Pair) -> None:
    """A request sees what was set at import, and nothing of another request or of the start-up."""
    for _ in range(2):
        uvicorn, devserver = pair.ask("/process")
        assert devserver["request"]["word"] == uvicorn["request"]["word"] == "import"
    assert set(devserver["variables"]) - set(uvicorn["variables"]) == {"devserver_in_unit"}


def test_the_loop(pair: Pair, tmp_path: Path) -> None:
    """uvloop where it is installed, set when the app is imported; --loop asyncio is obeyed."""
    uvicorn, devserver = pair.ask("/process")
    assert devserver["loop"] == uvicorn["loop"] == devserver["loop at import"] == "uvloop"
    with side_by_side(tmp_path, "probe", ("--loop", "asyncio")) as other:
        uvicorn, devserver = other.ask("/process")
        assert devserver["loop"] == uvicorn["loop"] == devserver["loop at import"] == "asyncio"


def test_threads_and_signals(pair: Pair) -> None:
    """The executor's threads have their usual names; a signal handler of the app's runs."""
    for path in ("/threads", "/signalled"):
        uvicorn, devserver = pair.ask(path)
        assert devserver == uvicorn


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_the_app(pair: Pair, method: str) -> None:
    """multiprocessing works in a request, whatever its start method."""
    uvicorn, devserver = pair.ask(f"/children?{method}")
    assert devserver == uvicorn
    assert (devserver[0], devserver[2]) == (49, 0)


def test_the_encoding_of_the_surroundings(tmp_path: Path) -> None:
    """LC_ALL and PYTHONIOENCODING count."""
    environ = {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1:replace", "PYTHONUTF8": "0"}
    with side_by_side(tmp_path, "probe", environ=environ) as pair:
        uvicorn, devserver = pair.ask("/process")
        for key in ("stdout", "stderr", "locale"):
            assert devserver["request"][key] == uvicorn["request"][key]


def test_the_environment(tmp_path: Path) -> None:
    """FLASK_DEBUG is 1 and .env is read, where nothing else is set; what is set stays."""
    (tmp_path / "probe.py").write_text((Path(__file__).parents[1] / "apps" / "probe.py").read_text())
    (tmp_path / ".env").write_text("FROM_FILE=file\nFROM_BOTH=file\n")
    names = ("FLASK_DEBUG", "FROM_FILE", "FROM_BOTH")
    for variables, expected in (((), "1"), (("FLASK_DEBUG=0",), "0")):
        command = ("env", "FROM_BOTH=shell", *variables, *COMMAND)
        with serving(tmp_path, target="probe.py", command=command) as server:
            server.wait("ready")
            asked = [json.loads(ask(server.http_port, f"/environment?{name}")) for name in names]
            assert asked == [expected, "file", "shell"]


def test_the_end_of_a_process(tmp_path: Path) -> None:
    """The lifespan's shutdown runs, then atexit: at a stop, and at a reload in the old process."""
    with side_by_side(tmp_path, "probe", environ={"PROBE_LOG": "log"}) as pair:
        server = pair.devserver
        text = (server.folder / "probe.py").read_text()
        server.save_and_wait(text + "\n", "probe.py")
        server.wait("worker-exited")
        at_reload = (server.folder / "log").read_text()
        pair.stop()
        at_stop = (server.folder / "log").read_text().removeprefix(at_reload)
        assert at_reload == at_stop == (server.folder.parent / "uvicorn" / "log").read_text()
        assert at_stop.splitlines() == ["shutdown {'type': 'lifespan.shutdown'}", "atexit"]


# what it prints and logs


def lines(text: str) -> list[str]:
    """Return the lines of an app, without those of the server; their order is that of buffers."""
    text = re.sub(r"127\.0\.0\.1:\d+", "-", text)
    return sorted(
        line for line in text.splitlines() if not any(word in line for word in (*OWN_WORDS, "devserver:"))
    )


def test_what_is_printed_and_logged(tmp_path: Path) -> None:
    """The same lines on standard output and on standard error; no line is lost."""
    with side_by_side(tmp_path, "probe") as pair:
        for path in ("/", "/a%20b?c=%20", "/printed?one", "/logged?word", "/printed?two"):
            pair.ask(path)
        pair.stop()
        assert lines(pair.devserver.output()) == lines(pair.uvicorn.stdout())
        assert lines(pair.stderr()) == lines(pair.uvicorn.stderr())
        assert "two: without an end" in pair.devserver.output()


def test_a_line_is_printed_at_once(tmp_path: Path) -> None:
    """Text output is not buffered, though the environment lacks PYTHONUNBUFFERED."""
    with side_by_side(tmp_path, "probe") as pair:
        pair.ask("/printed?now")
        assert "now: a line\n" in pair.devserver.output()
        assert "now: without an end" in pair.devserver.output()


def test_a_filter_on_the_access_log(tmp_path: Path) -> None:
    """An app's own filter on uvicorn.access is asked for each line."""
    with side_by_side(tmp_path, "probe") as pair:
        for path in ("/before", "/logged?filter", "/hidden", "/logged?no%20filter", "/after"):
            pair.ask(path)
        pair.stop()
        assert lines(pair.devserver.output()) == lines(pair.uvicorn.stdout())
        assert "/after" in pair.devserver.output()
        assert "/hidden" not in pair.devserver.output()


def test_no_access_log(tmp_path: Path) -> None:
    """--no-access-log silences it, and nothing else."""
    with side_by_side(tmp_path, "probe", ("--no-access-log",)) as pair:
        for path in ("/", "/logged?word"):
            pair.ask(path)
        pair.stop()
        assert lines(pair.devserver.output()) == lines(pair.uvicorn.stdout()) == []
        assert lines(pair.stderr()) == lines(pair.uvicorn.stderr())


def test_a_logging_of_the_apps_own(tmp_path: Path) -> None:
    """logging.config.dictConfig in the app replaces the handlers."""
    with side_by_side(tmp_path, "probe", environ={"PROBE_CONFIG": "1"}) as pair:
        for path in ("/", "/logged?word"):
            pair.ask(path)
        pair.stop()
        assert lines(pair.devserver.output()) == lines(pair.uvicorn.stdout())
        assert 'mine: uvicorn.access INFO - - "GET / HTTP/1.1" 200' in lines(pair.devserver.output())


def test_an_error_reaches_the_apps_handlers(pair: Pair) -> None:
    """What the app raises is logged to uvicorn.error with the exception: a service for errors sees it."""
    for port in pair.ports:
        assert ask(port, "/failing?oops") == b"Internal Server Error"
    uvicorn, devserver = pair.ask("/recorded")
    assert devserver == uvicorn
    assert devserver[-1][2:] == ["Exception in ASGI application\n", "ValueError('oops')"]
