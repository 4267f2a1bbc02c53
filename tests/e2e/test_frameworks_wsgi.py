"""WSGI frameworks as they are: save, and the next request runs the new code on the same connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.frameworks import need
from tests.harness import DEADLINE, DevServer, eventually, serving
from tests.http import Curl, browsing, connection_of, edit, project, stop_well


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[DevServer]:
    """Serve the Flask shop, which its factory makes."""
    need("flask")
    with serving(project(tmp_path, "flask_shop"), target="app.py") as server:
        yield server


def test_flask_answers_with_the_new_code_over_the_connection_that_was_open(shop: DevServer) -> None:
    """A view, a template and the factory are edited; httpx needs one connection for all of it."""
    with browsing(shop) as client:
        answers = [client.get("/")]
        assert "<title>Ada's old shop</title>" in answers[-1].text
        edit(shop.folder / "views.py", 'WORD = "old"', 'WORD = "new"')
        answers.append(client.get("/"))
        assert "<title>Ada's new shop</title>\n<p>old template</p>" in answers[-1].text
        edit(shop.folder / "templates/index.html", "old template", "new template")
        answers.append(client.get("/"))
        assert "<p>new template</p>" in answers[-1].text
        edit(shop.folder / "app.py", '"Ada"', '"Grace"')
        answers.append(client.get("/"))
        assert "<title>Grace's new shop</title>" in answers[-1].text
        assert len({connection_of(answer) for answer in answers}) == 1
        stop_well(shop)


def test_flask_keeps_the_connection_of_curl(shop: DevServer, tmp_path: Path) -> None:
    """One curl, two requests, a save between them: the second needs no connection of its own."""
    curl = Curl(tmp_path, shop, "/echo")
    assert curl.answer() == ("old 0", 200, 1)
    edit(shop.folder / "views.py", 'WORD = "old"', 'WORD = "new"')
    curl.go_on("a body")
    assert curl.answer() == ("new 6", 200, 0)
    assert curl.close() == 0
    stop_well(shop)


def test_flask_shows_its_traceback_page_and_the_fix_after_it(shop: DevServer) -> None:
    """An exception shows Werkzeug's page with the source, on the console too; the connection stays open."""
    with browsing(shop) as client:
        broken = client.get("/broken")
        assert broken.status_code == 500
        assert "<title>LookupError: no such thing, says 20\n // Werkzeug Debugger</title>" in broken.text
        assert "raise LookupError(" in broken.text
        assert client.get("/?__debugger__=yes&cmd=resource&f=style.css").headers["content-type"] == (
            "text/css; charset=utf-8"
        )
        eventually("the traceback is on the console", lambda: "LookupError: no" in shop.output())
        edit(
            shop.folder / "views.py",
            'raise LookupError(f"no such thing, says {len(secret)}")',
            "return secret",
        )
        mended = client.get("/broken")
        assert (mended.status_code, mended.text) == (200, "a value on the stack")
        assert connection_of(broken) == connection_of(mended)
        stop_well(shop)


@pytest.mark.parametrize("options", [(), ("--proxy-headers",)])
def test_flasks_traceback_page_is_for_this_machine_only(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A client that a proxy or a tunnel speaks for gets a plain 500: no source, no variables, no console."""
    need("flask")
    folder = project(tmp_path, "flask_shop")
    with serving(folder, *options, target="app.py") as shop, browsing(shop) as client:
        headers = {"X-Forwarded-For": "203.0.113.7"}
        broken = client.get("/broken", headers=headers)
        assert (broken.status_code, broken.text) == (500, "Internal Server Error")
        style = client.get("/?__debugger__=yes&cmd=resource&f=style.css", headers=headers)
        assert "css" not in style.headers["content-type"]
        eventually("the traceback is on the console", lambda: "LookupError: no" in shop.output())
        assert "raise LookupError(" in client.get("/broken").text
        stop_well(shop)


def test_a_slow_upload_ends_where_it_began_while_others_get_the_new_code(shop: DevServer) -> None:
    """The save does not wait for the upload, nor cut it: it is answered by the code that it began with."""
    begun, go_on = threading.Event(), threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"x" * 100_000
        begun.set()
        assert go_on.wait(DEADLINE)
        yield b"y" * 100_000

    uploaded: dict[str, object] = {}
    with browsing(shop) as client, browsing(shop) as other:

        def upload() -> None:
            uploaded.update(client.put("/upload", content=parts()).json())

        thread = threading.Thread(target=upload)
        thread.start()
        assert begun.wait(DEADLINE)
        assert other.get("/echo").text == "old 0"
        edit(shop.folder / "views.py", 'WORD = "old"', 'WORD = "new"')
        assert other.get("/echo").text == "new 0"
        go_on.set()
        thread.join(DEADLINE)
        assert uploaded == {"size": 200_000, "word": "old", "thread": True}
        assert client.get("/echo").text == "new 0"
        stop_well(shop)


def test_a_streaming_response_ends_where_it_began_while_others_get_the_new_code(shop: DevServer) -> None:
    """A long download that its client reads slowly is whole, and blocks nobody's new code."""
    count = 2_000
    with browsing(shop) as client, browsing(shop) as other:
        with client.stream("GET", "/rows", params={"count": count}) as response:
            lines = response.iter_lines()
            assert next(lines).split() == ["old", "0"]
            edit(shop.folder / "views.py", 'WORD = "old"', 'WORD = "new"')
            assert other.get("/echo").text == "new 0"
            assert [int(line.removeprefix("old ")) for line in lines] == list(range(1, count))
        assert client.get("/rows", params={"count": 2}).text.split() == ["new", "0", "new", "1"]
        stop_well(shop)


def test_as_many_requests_run_at_once_as_there_are_threads(tmp_path: Path) -> None:
    """Three requests wait for each other, which they can only do on three threads."""
    (tmp_path / "app.py").write_text(MEETING)
    met: list[str] = []
    with serving(tmp_path, "--threads", "3", target="app.py") as server, browsing(server) as client:
        threads = [threading.Thread(target=lambda: met.append(client.get("/").text)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        assert met == ["met"] * 3
        stop_well(server)


MEETING = f"""\
import threading

everybody = threading.Barrier(3, timeout={DEADLINE})

def app(environ, start_response):
    everybody.wait()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"met"]
"""
BARE = '''\
"""A small framework in the spirit of Bottle: routes by a decorator, an app that is called."""

class Small:
    def __init__(self):
        self.routes = {}

    def route(self, path):
        return lambda function: self.routes.setdefault(path, function)

    def __call__(self, environ, start_response):
        function = self.routes.get(environ["PATH_INFO"])
        if function is None:
            start_response("404 Not Found", [("Content-Length", "0")])
            return []
        body = function(environ).encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

application = Small()

@application.route("/hello")
def hello(environ):
    return "old " + environ["QUERY_STRING"] + environ["wsgi.input"].read().decode()
'''


def test_a_bare_wsgi_app_answers_with_the_new_code(tmp_path: Path) -> None:
    """No framework is needed: what is called with environ and start_response is served, errors and all."""
    (tmp_path / "wsgi.py").write_text(BARE)
    with serving(tmp_path, target="wsgi.py") as server, browsing(server) as client:
        first = client.get("/hello?a=b")
        assert first.text == "old a=b"
        assert client.get("/none").status_code == 404
        edit(tmp_path / "wsgi.py", '"old "', '"new "')
        second = client.post("/hello?c=", content="body")
        assert second.text == "new c=body"
        assert connection_of(first) == connection_of(second)
        edit(tmp_path / "wsgi.py", '"new "', "1")
        assert client.get("/hello").status_code == 500
        failure = server.wait("handler-failed")["failure"]
        assert failure["message"].startswith("unsupported operand")
        stop_well(server)


READING = """\
def app(environ, start_response):
    body = environ["wsgi.input"]
    parts = [body.readline(2), body.readline(), body.read(3), body.readlines(), body.read(1)]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(parts).encode()]
"""


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_read_as_pep_3333_says(tmp_path: Path, chunked: bool) -> None:
    """By lines with a limit or without, by parts, and as a list: whatever a framework's parser does."""
    (tmp_path / "app.py").write_text(READING)
    parts = [b"fir", b"st\nsecond\n", b"third\nrest"]
    content = iter(parts) if chunked else b"".join(parts)
    with serving(tmp_path, target="app.py") as server, browsing(server) as client:
        wanted = [b"fi", b"rst\n", b"sec", [b"ond\n", b"third\n", b"rest"], b""]
        assert client.post("/", content=content).text == repr(wanted)
        stop_well(server)


def test_an_upload_that_breaks_off_is_not_taken_for_a_whole_one(shop: DevServer) -> None:
    """A client that leaves in the midst of a chunked body: the view hears of it, and nothing hangs."""

    def parts() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise ConnectionAbortedError("the client has had enough")

    with browsing(shop) as client:
        with pytest.raises(ConnectionAbortedError):
            client.put("/upload", content=parts())
        eventually("the view was told", lambda: "broken off: ClientDisconnected" in shop.output())
        assert client.get("/echo").text == "old 0"
    stop_well(shop)
