"""ASGI frameworks as they are: save, and the next request runs the new code on the same connection."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.frameworks import need
from tests.harness import DEADLINE, DevServer, serving
from tests.http import Curl, ask, browsing, connection_of, edit, events_of, project, stop_well, websocket


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[DevServer]:
    """Serve the FastAPI shop."""
    need("fastapi", "sse_starlette")
    with serving(project(tmp_path, "fastapi_shop"), target="shop/main.py") as server:
        yield server


def test_fastapi_answers_with_the_new_code_over_the_connection_that_was_open(shop: DevServer) -> None:
    """httpx keeps one connection over four saves of four modules, and each answer is the newest."""
    with browsing(shop) as client:
        first = client.get("/")
        assert first.json() == {"greeting": "welcome"}
        edit(shop.folder / "shop/routes.py", 'GREETING = "welcome"', 'GREETING = "hello"')
        answers = [client.get("/")]
        assert answers[-1].json() == {"greeting": "hello"}
        edit(shop.folder / "shop/money.py", '"EUR"', '"CHF"')
        answers.append(client.get("/price/tea"))
        assert answers[-1].json() == {"price": "3 CHF"}
        edit(shop.folder / "shop/stock.py", '"tea": 3', '"tea": 5')
        headers = {"x-customer": "ada"}
        answers.append(client.post("/orders", json={"name": "tea", "count": 2}, headers=headers))
        assert (answers[-1].status_code, answers[-1].json()) == (201, {"for": "ada", "total": "10 CHF"})
        edit(shop.folder / "shop/dependencies.py", "HTTPException(401", "HTTPException(403")
        answers.append(client.post("/orders", json={"name": "tea"}))
        assert (answers[-1].status_code, answers[-1].json()) == (403, {"detail": "who are you?"})
        assert {connection_of(answer) for answer in answers} == {connection_of(first)}
    stop_well(shop)
    assert "session closed after ['opened', 'tea']" in shop.output()


def test_fastapi_keeps_the_connection_of_aiohttp_and_curl(shop: DevServer, tmp_path: Path) -> None:
    """Other clients see no cut either, with a save between two of their requests."""
    curl = Curl(tmp_path, shop, "/echo")
    assert curl.answer() == ('"welcome 0"', 200, 1)
    asyncio.run(_two_requests_of_aiohttp(shop))
    curl.go_on("a body")
    assert curl.answer() == ('"hello 6"', 200, 0)
    assert curl.close() == 0
    stop_well(shop)


async def _two_requests_of_aiohttp(server: DevServer) -> None:
    opened = []
    trace = aiohttp.TraceConfig()

    async def note(*_: object) -> None:
        opened.append(True)

    trace.on_connection_create_end.append(note)
    base, timeout = f"http://127.0.0.1:{server.http_port}", aiohttp.ClientTimeout(DEADLINE)
    async with aiohttp.ClientSession(base, trace_configs=[trace], timeout=timeout) as session:
        async with session.get("/") as answer:
            assert await answer.json() == {"greeting": "welcome"}
        edit(server.folder / "shop/routes.py", 'GREETING = "welcome"', 'GREETING = "hello"')
        async with session.get("/") as answer:
            assert await answer.json() == {"greeting": "hello"}
    assert len(opened) == 1


def test_an_sse_stream_with_ids_goes_on_in_the_same_response(shop: DevServer) -> None:
    """After the save the new code sends the events, and no number is missing or comes twice."""
    with browsing(shop) as client, events_of(client, "/ticks") as stream:
        events = stream.until("tick 5")
        edit(shop.folder / "shop/live.py", '"tick"', '"tock"')
        events += stream.until("tock")
        assert [event["id"] for event in events] == [str(number + 1) for number in range(len(events))]
        assert stream.comments == [": devserver: the stream goes on with generation 2"]
        shop.wait("resumed", generation=2)
    stop_well(shop)


def test_a_websocket_goes_on_with_the_new_code_without_a_reconnect(shop: DevServer) -> None:
    """What is sent after the save is answered by the new code, over the socket that was open."""
    with websocket(shop, "/chat") as socket:
        assert ask(socket, "a") == "tick: a"
        edit(shop.folder / "shop/live.py", '"tick"', '"tock"')
        assert ask(socket, "b") == "tock: b"
        edit(shop.folder / "shop/live.py", '"tock"', '"tuck"')
        for word in "cdef":
            socket.send(word)
        assert [socket.recv(timeout=DEADLINE) for _ in "cdef"] == [f"tuck: {word}" for word in "cdef"]
    stop_well(shop)
    assert shop.output().count("chat left with 1012") == 2


def test_lifespan_starts_and_stops_once_in_each_generation(shop: DevServer) -> None:
    """Start-up has run before the first request of new code, and shutdown before the old process has left."""
    with browsing(shop) as client:
        assert client.get("/version").json() == {"started": 1}
        edit(shop.folder / "shop/main.py", "VERSION = 1", "VERSION = 2")
        assert client.get("/version").json() == {"started": 2}
        shop.wait("worker-exited", generation=1, reason="exit 0")
    stop_well(shop)
    log = [line.split() for line in (shop.folder / "lifespan.log").read_text().splitlines()]
    assert [(what, version) for what, version, _ in log] == [
        ("start", "1"),
        ("start", "2"),
        ("stop", "1"),
        ("stop", "2"),
    ]
    assert len({pid for _, _, pid in log}) == 2


def test_a_sync_endpoint_runs_in_the_thread_pool(shop: DevServer) -> None:
    """As elsewhere, `def` endpoints do not run on the event loop's thread, before a save and after it."""
    with browsing(shop) as client:
        first = client.get("/thread")
        edit(shop.folder / "shop/routes.py", 'GREETING = "welcome"', 'GREETING = "hello"')
        second = client.get("/thread")
        assert [answer.json()["greeting"] for answer in (first, second)] == ["welcome", "hello"]
        assert all("worker thread" in answer.json()["thread"] for answer in (first, second))
        assert connection_of(first) == connection_of(second)
    stop_well(shop)


def test_idle_connections_of_a_browser_do_not_hold_up_the_stop(tmp_path: Path) -> None:
    """Ctrl-C with a page open: the server does not wait for its deadline, which is later than the test's."""
    need("starlette")
    folder = project(tmp_path, "starlette_pages")
    with (
        serving(folder, "--stop-timeout", "300", target="main.py") as server,
        browsing(server) as one,
        browsing(server) as other,
    ):
        assert (one.get("/").status_code, other.get("/").status_code) == (200, 200)
        stop_well(server)


def test_starlette_shows_an_edited_template_with_the_next_request(tmp_path: Path) -> None:
    """The page, then the page that it extends, are edited: each edit is seen, and then one of the code."""
    need("starlette")
    folder = project(tmp_path, "starlette_pages")
    with serving(folder, target="main.py") as server, browsing(server) as client:
        first = client.get("/")
        assert "<title>old title</title>" in first.text
        assert "Hello Ada, this is the old page." in first.text
        edit(folder / "templates/page.html", "old page", "new page")
        assert "this is the new page" in client.get("/").text
        edit(folder / "templates/base.html", "old title", "new title")
        assert "<title>new title</title>" in client.get("/").text
        edit(folder / "main.py", '"Ada"', '"Grace"')
        last = client.get("/")
        assert "Hello Grace, this is the new page" in last.text
        assert connection_of(first) == connection_of(last)
        stop_well(server)


def test_starlette_streams_both_ways_and_serves_files(tmp_path: Path) -> None:
    """A large upload and a large download arrive whole, and a static file can be asked for in part."""
    need("starlette")
    folder = project(tmp_path, "starlette_pages")
    (folder / "static").mkdir()
    (folder / "static/site.css").write_text("body { color: red }")
    with serving(folder, target="main.py") as server, browsing(server) as client:
        upload = client.put("/upload", content=(b"y" * 100_000 for _ in range(40)))
        assert upload.text == "4000000 bytes"
        assert client.get("/download").content == b"x" * 65536 * 64
        part = client.get("/static/site.css", headers={"Range": "bytes=0-3"})
        assert (part.status_code, part.text) == (206, "body")
        assert client.get("/static/none.css").status_code == 404
        stop_well(server)


def test_litestar_answers_with_the_new_code_on_every_kind_of_connection(tmp_path: Path) -> None:
    """A controller, a WebSocket listener and an event stream go on over one save."""
    need("litestar")
    folder = project(tmp_path, "litestar_notes")
    with (
        serving(folder, target="app.py") as server,
        browsing(server) as client,
        websocket(server, "/chat") as socket,
    ):
        first = client.get("/notes")
        assert first.json() == [{"text": "note one"}]
        assert ask(socket, "hi") == "note: hi"
        with events_of(client, "/events") as stream:
            events = stream.until("note 3")
            edit(folder / "app.py", 'PREFIX = "note"', 'PREFIX = "memo"')
            events += stream.until("memo")
            assert [event["id"] for event in events] == [str(number + 1) for number in range(len(events))]
        assert ask(socket, "hi") == "memo: hi"
        second = client.post("/notes", json={"text": "two"})
        assert (second.status_code, second.json()) == (201, {"text": "memo two"})
        stop_well(server)


def test_quart_answers_with_the_new_code_on_every_kind_of_connection(tmp_path: Path) -> None:
    """A page, a WebSocket and an event stream go on over one save."""
    need("quart")
    folder = project(tmp_path, "quart_live")
    with (
        serving(folder, target="app.py") as server,
        browsing(server) as client,
        websocket(server, "/chat") as socket,
    ):
        first = client.get("/")
        assert first.text == "<p>old</p>"
        assert ask(socket, "hi") == "old: hi"
        accept = {"accept": "text/event-stream"}
        with events_of(client, "/events", accept) as stream:
            events = stream.until("old 3")
            edit(folder / "app.py", 'WORD = "old"', 'WORD = "new"')
            events += stream.until("new")
            assert [event["id"] for event in events] == [str(number + 1) for number in range(len(events))]
        assert ask(socket, "hi") == "new: hi"
        assert client.get("/").text == "<p>new</p>"
        stop_well(server)


DATASETTE = """\
from datasette.app import Datasette

TITLE = "old title"
app = Datasette(["plants.db"], metadata={"title": TITLE}, settings={"num_sql_threads": 1}).app()
"""


def test_datasette_runs_as_an_app(tmp_path: Path) -> None:
    """Its pages, its API and its static files are served, and an edit of its settings shows at once."""
    need("datasette")
    database = sqlite3.connect(tmp_path / "plants.db")
    with database:
        database.execute("create table plants (name text)")
        database.execute("insert into plants values ('fern')")
    database.close()
    (tmp_path / "app.py").write_text(DATASETTE)
    with serving(tmp_path, target="app.py") as server, browsing(server) as client:
        first = client.get("/")
        assert "old title" in first.text
        assert client.get("/plants/plants.json?_shape=array").json() == [{"rowid": 1, "name": "fern"}]
        assert client.get("/-/static/app.css").headers["content-type"].startswith("text/css")
        edit(tmp_path / "app.py", '"old title"', '"new title"')
        last = client.get("/")
        assert "new title" in last.text
        assert connection_of(first) == connection_of(last)
        stop_well(server)
