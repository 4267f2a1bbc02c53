"""What a user of a browser sees: a real one, headless."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser, Page, browsing
from tests.harness import Client, DevServer, serving

pytestmark = pytest.mark.browser

SAMPLE = Path(__file__).parents[2] / "sample_app"
COUNTING = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) { super(...given); window.sockets.push(this); }
};
"""
APP = """
PAGE = b"<!doctype html><title>app</title><link rel=icon href=data:,><h1>It works</h1>"


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/html; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE})
"""
TICKER = """
import asyncio

PAGE = b'''<!doctype html><title>ticker</title><link rel=icon href=data:,><script>
window.seen = []; window.opened = window.errors = 0;
window.source = new EventSource("/events");
source.onopen = () => { opened += 1; };
source.onerror = () => { errors += 1; };
source.onmessage = event => { seen.push(event.data + " " + event.lastEventId); };
</script>'''


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    kind = b"text/html" if scope["path"] == "/" else b"text/event-stream"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    if scope["path"] == "/":
        await send({"type": "http.response.body", "body": PAGE})
        return
    number = int(dict(scope["headers"]).get(b"last-event-id", b"0"))
    while True:
        number += 1
        body = f"id: {number}\\ndata: v1\\n\\n".encode()
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(0.005)
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests here; each opens a page of its own."""
    with browsing() as running:
        yield running


def url(server: DevServer) -> str:
    """Return where the page is."""
    return f"http://127.0.0.1:{server.http_port}/"


class Room:
    """The sample's page, and what is read in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.until("document.body.dataset.state === 'connected' && at('worker').textContent !== '–'")

    def say(self, text: str) -> list[str]:
        """Type a line; return what is answered, and who has."""
        signed = self.page.evaluate("document.querySelectorAll('.by').length")
        self.page.type(text)
        self.page.until(f"document.querySelectorAll('.by').length > {signed}")
        answer = """(() => {
            const said = [...document.querySelectorAll("#log > p")];
            const mine = said.findLastIndex(entry => entry.className === "mine");
            return said.slice(mine + 1).map(entry => entry.textContent);
        })()"""
        return [str(line) for line in self.page.evaluate(answer)]

    def shown(self, what: str) -> str:
        """Return what the head of the page shows."""
        return str(self.page.evaluate(f"at('{what}').textContent"))

    def has_stayed(self) -> bool:
        """Return whether it is the first WebSocket that is open still, and the page reports that."""
        same = self.page.evaluate("sockets.length === 1 && sockets[0] === socket && socket.readyState === 1")
        return bool(same) and (self.shown("state"), self.shown("reconnects")) == ("connected", "0")


def test_the_sample_in_a_browser(tmp_path: Path, browser: Browser) -> None:
    """Say, edit, save, say again: new code answers in a page that was neither reloaded nor reconnected."""
    shutil.copy(SAMPLE / "index.html", tmp_path)
    text = (SAMPLE / "handlers.py").read_text()
    answer = '    conn.send("Receive something\\n")\n'
    edited = text.replace(answer, f'{answer}    conn.send("And something more\\n")\n')
    with serving(tmp_path, text=text) as server:
        server.wait("rolled")
        with browser.page(url(server), COUNTING) as page:
            room = Room(page)
            first, by = room.say("hello")
            assert first == "Receive something"
            assert by in ("worker 1 · generation 1", "worker 2 · generation 1")
            server.save(edited)
            *answers, by = room.say("hello again")
            assert answers == ["Receive something", "And something more"]
            assert by.endswith("· generation 2")
            assert room.shown("generation") == "2"
            assert page.evaluate("document.querySelector('.new').textContent") == (
                "generation 2, the same connection"
            )
            server.save(edited + "\ndef broken(:\n")
            server.wait("refused")
            assert room.say("and now?")[:2] == answers
            assert room.shown("generation") == "2"
            assert room.has_stayed()
            assert server.past("lost") == []
        assert server.stop() == 0


def test_the_sample_page_and_telnet_are_in_one_room(tmp_path: Path, browser: Browser) -> None:
    """A line typed in telnet appears in the page, and the other way round; names are known in both."""
    shutil.copy(SAMPLE / "index.html", tmp_path)
    with serving(tmp_path, text=(SAMPLE / "handlers.py").read_text()) as server:
        server.wait("rolled")
        client = Client(server.port)
        with browser.page(url(server), COUNTING) as page:
            room = Room(page)
            assert client.ask("hello from telnet") == "Receive something"
            assert page.until("document.querySelector('.theirs')?.innerText") == "guest 1\nhello from telnet"
            room.say("/name Ada")
            assert client.line() == "guest 2 is now Ada"
            page.until("at('name').textContent === 'Ada'")
            room.say("<b>hello</b> from the page")
            assert client.line() == "Ada: <b>hello</b> from the page"
            assert client.ask("/who") == "Receive something"
            assert client.line() == "Here: guest 1, Ada"
            client.close()
            page.until("[...document.querySelectorAll('.told')].at(-1).textContent === 'guest 1 has left'")
        assert server.stop() == 0


def test_the_sample_page_of_who_only_listens_is_fresh_too(tmp_path: Path, browser: Browser) -> None:
    """It shows the generation that is live, and the port at which TCP handlers really listen."""
    shutil.copy(SAMPLE / "index.html", tmp_path)
    text = (SAMPLE / "handlers.py").read_text()
    with serving(tmp_path, text=text) as server:
        server.wait("rolled")
        with browser.page(url(server), COUNTING) as page:
            room = Room(page)
            page.until(f"at('telnet').textContent === 'telnet 127.0.0.1 {server.port}'")
            server.save(text + "\nx = 1\n")
            page.until("at('generation').textContent === '2'")
            assert room.say("hello")[0] == "Receive something"
            assert page.evaluate("document.querySelector('.new').textContent").startswith("generation 2")
            assert room.has_stayed()
            page.evaluate("window.same = true")
            server.save((SAMPLE / "index.html").read_text().replace("The room", "Another room"), "index.html")
            page.until("document.title === 'Another room' && window.same === undefined")
        assert server.stop() == 0


def test_who_leaves_the_sample_page_may_join_again(tmp_path: Path, browser: Browser) -> None:
    """After /bye the page does not come back by itself; its button joins as a new guest."""
    shutil.copy(SAMPLE / "index.html", tmp_path)
    with serving(tmp_path, text=(SAMPLE / "handlers.py").read_text()) as server:
        with browser.page(url(server), COUNTING) as page:
            Room(page)
            page.type("/bye")
            page.until("document.body.dataset.state === 'left'")
            assert page.evaluate("[sockets.length, button.textContent, button.disabled]") == [
                1,
                "Join",
                False,
            ]
            page.evaluate("button.click()")
            page.until("document.body.dataset.state === 'connected' && at('name').textContent === 'guest 2'")
            assert page.evaluate("[sockets.length, button.textContent, button.disabled]") == [
                2,
                "Send",
                False,
            ]
        assert server.stop() == 0


def test_the_sample_page_goes_on_when_workers_are_killed(tmp_path: Path, browser: Browser) -> None:
    """Every Worker dies: the page keeps its WebSocket and its name, and another Worker answers."""
    shutil.copy(SAMPLE / "index.html", tmp_path)
    with serving(tmp_path, text=(SAMPLE / "handlers.py").read_text()) as server:
        server.wait("rolled")
        with browser.page(url(server), COUNTING) as page:
            room = Room(page)
            room.say("/name Ada")
            killed = server.workers()
            for pid in killed.values():
                os.kill(pid, signal.SIGKILL)
            for _ in killed:  # what was reported to the dying would be lost, and named
                server.wait("worker-exited", planned=False)
            first, by = room.say("still there?")
            assert first == "Receive something"
            assert int(by.split()[1]) not in killed
            assert room.shown("name") == "Ada"
            assert room.has_stayed()
        assert server.stop() == 0


def test_the_sample_page_finds_a_server_that_was_started_again(tmp_path: Path, browser: Browser) -> None:
    """It is the one thing that cuts the connection: the page says so, joins again by itself and counts it."""
    shutil.copy(SAMPLE / "index.html", tmp_path)
    text = (SAMPLE / "handlers.py").read_text()
    with serving(tmp_path, text=text) as server:
        port = server.http_port
        with browser.page(url(server), COUNTING) as page:
            room = Room(page)
            room.say("/name Ada")
            assert server.stop() == 0
            page.until("document.body.dataset.state === 'waiting'")
            with serving(tmp_path, "--port", str(port), text=text) as again:
                page.until("document.body.dataset.state === 'connected'")
                page.until("document.querySelectorAll('.by').length === 2")
                assert (room.shown("reconnects"), room.shown("name")) == ("1", "Ada")
                assert again.stop() == 0


def test_the_error_page_shows_the_place_and_gives_way_to_the_app(tmp_path: Path, browser: Browser) -> None:
    """The first start fails: the page shows file and line; after the repair it shows the app by itself."""
    broken = APP.replace("async def app(scope, receive, send):", "async def app(scope, receive, send:")
    (tmp_path / "app.py").write_text(broken)
    with serving(tmp_path, target="app.py") as server:
        server.wait("refused")
        with browser.page(url(server)) as page:
            assert page.evaluate("document.title").startswith("✗ SyntaxError")
            assert page.evaluate("document.querySelector('.where').textContent").startswith("app.py:5")
            assert "async def app(scope, receive, send:" in page.evaluate("document.body.innerText")
            server.save(f"import nothing_of_that_name\n{APP}", "app.py")
            page.until("document.title.includes('ModuleNotFoundError')")
            page.until("document.body?.innerText.includes('app.py:1')")
            server.save(APP, "app.py")
            assert page.until("document.querySelector('h1')?.textContent === 'It works'")
        assert server.stop() == 0


def test_an_event_source_goes_on_over_a_save(tmp_path: Path, browser: Browser) -> None:
    """The page notices nothing but newer events: no error, no other connection, none lost, none doubled."""
    (tmp_path / "app.py").write_text(TICKER)
    with serving(tmp_path, "--no-browser-reload", target="app.py") as server:
        server.wait("live")
        with browser.page(url(server)) as page:
            page.until("seen.length > 20")
            for version in ("v2", "v3"):
                server.save(TICKER.replace("data: v1", f"data: {version}"), "app.py")
                page.until(f"seen.filter(event => event.startsWith('{version}')).length > 20")
            seen = [line.split() for line in page.evaluate("seen")]
            assert [int(number) for _, number in seen] == list(range(1, len(seen) + 1))
            assert [version for version, _ in seen] == sorted(version for version, _ in seen)
            assert page.evaluate("[opened, errors, source.readyState]") == [1, 0, 1]
        assert server.stop() == 0
