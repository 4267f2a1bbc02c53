"""Our own answers in a real browser, while there is no good code: nothing is dead, sent twice or hidden."""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser, browsing
from tests.harness import free_port, serving

APP = """
PAGE = b'''<!doctype html><title>app</title><link rel=icon href=data:,><h1>It works</h1>
<form method=post action=/form><input id=name name=name><button id=send>Send</button></form>
<script>
window.seen = [];
window.source = new EventSource("/events");
source.onmessage = event => seen.push(event.data);
</script>'''


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/events":
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: v1\\n\\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    body = PAGE
    if scope["method"] == "POST":
        body = b"<!doctype html><title>sent</title><h1>Sent " + (await receive())["body"]
    headers = [(b"content-type", b"text/html; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
BROKEN = APP.replace("async def app(scope, receive, send):", "async def app(scope, receive, send:")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    with browsing() as running:
        yield running


@contextlib.contextmanager
def front_end(folder: Path, page: str) -> Iterator[str]:
    """Serve a page on another port of this machine; return where."""
    folder.mkdir()
    (folder / "index.html").write_text(page)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_event_source_that_comes_back_while_nothing_runs_lives_on(
    tmp_path: Path, browser: Browser
) -> None:
    """The server is started again with a mistake in the code: the source waits, and goes on with the fix."""
    (tmp_path / "app.py").write_text(APP)
    port = free_port()
    options = ("--no-browser-reload", "--port", str(port))
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(serving(tmp_path, *options, target="app.py"))
        first.wait("live")
        page = stack.enter_context(browser.page(f"http://127.0.0.1:{port}/"))
        page.until("seen.length === 1")
        assert first.stop() == 0
        (tmp_path / "app.py").write_text(BROKEN)
        second = stack.enter_context(serving(tmp_path, *options, target="app.py"))
        second.wait("refused")
        page.until("source.readyState === 0")
        second.save(APP.replace("v1", "v2"), "app.py")
        page.until("seen[1] === 'v2'")
        assert page.evaluate("source.readyState") == 1


def test_a_form_that_met_no_code_is_sent_again_by_its_author(tmp_path: Path, browser: Browser) -> None:
    """The page reports that nothing was sent and, without a reload, that it works again; back is the form."""
    (tmp_path / "app.py").write_text(APP)
    port = free_port()
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(serving(tmp_path, "--port", str(port), target="app.py"))
        first.wait("live")
        page = stack.enter_context(browser.page(f"http://127.0.0.1:{port}/"))
        page.until("seen.length === 1")
        assert first.stop() == 0
        (tmp_path / "app.py").write_text(BROKEN)
        second = stack.enter_context(serving(tmp_path, "--port", str(port), target="app.py"))
        second.wait("refused")
        page.front()
        page.evaluate("document.getElementById('name').focus()")
        page.type("Ada")  # only what a person has typed outlives the refresh that may follow on the way back
        page.until("document.title.includes('SyntaxError')")
        text = page.evaluate("document.body.innerText")
        assert "Nothing was sent to the app." in text
        assert "reloads by itself" not in text
        second.save(BROKEN + "\n", "app.py")
        second.wait("refused")
        second.save(APP, "app.py")
        page.until("document.title.startsWith('✓ The code works again')")
        page.evaluate("void document.querySelector('button').click()")
        back = "document.getElementById('name')?.value === 'Ada' && seen.length"
        page.until(f"{back} && setTimeout(() => send.click())")
        page.until("document.querySelector('h1')?.textContent === 'Sent name=Ada'")


def test_a_link_from_another_port_shows_the_error(tmp_path: Path, browser: Browser) -> None:
    """So does the way back from a log-in elsewhere; a frame of another site shows nothing of the code."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text(BROKEN)
    with serving(tmp_path / "app", target="app.py") as server:
        server.wait("refused")
        place = f"http://localhost:{server.http_port}/"
        with (
            front_end(
                tmp_path / "front", f"<a id=a href={place}>x</a><iframe src={place}></iframe>"
            ) as there,
            browser.page(there) as page,
        ):
            page.evaluate("a.click()")
            page.until(
                "document.title.includes('SyntaxError') && document.body.innerText.includes('app.py:')"
            )


def test_a_front_end_on_another_port_reads_what_is_wrong(tmp_path: Path, browser: Browser) -> None:
    """The reason as JSON, of a request with a question before it too; no word about CORS."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text(BROKEN)
    with serving(tmp_path / "app", target="app.py") as server:
        server.wait("refused")
        place = f"http://127.0.0.1:{server.http_port}/api"
        with front_end(tmp_path / "front", "<!doctype html><p>x") as there, browser.page(there) as page:
            for options in (
                "{headers: {accept: 'application/json'}}",
                "{method: 'PUT', credentials: 'include', body: '1',"
                " headers: {accept: 'application/json', 'x-token': '1'}}",
            ):
                asked = (
                    f"fetch('{place}', {options}).then(async answer => [answer.status, await answer.json()])"
                )
                status, told = page.evaluate(asked)
                assert (status, told["file"], told["type"]) == (503, "app.py", "SyntaxError")
