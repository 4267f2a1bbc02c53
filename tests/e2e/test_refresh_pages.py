"""Pages of every kind, refreshed by themselves or left as they are: in a real browser, and byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser import Browser, browsing
from tests.harness import DEADLINE, DevServer, serving

pytestmark = pytest.mark.browser

APP = r'''
import asyncio, gzip

VERSION = "one"
TEXT = "text/html; charset=utf-8"
SHAPES = {
    "no-head": "<!doctype html><p>x",
    "two-heads": "<!doctype html><html><head><title>x</title></head><head><meta name=a></head><p>x",
    "in-a-comment": "<!-- <head> --><!doctype html><!-- <head> --><html lang=en><head><title>x</title><p>x",
    "in-a-script": "<!doctype html><script>window.s = '<head>'</script><p>x",
    "text": "only text",
    "cut": "<!doctype html><html><head><title>x</title></head><body><p>x</p><div class=",
    "cut-in-the-head": "<!doctype html><html lang=en><he",
    "frameset": "<!doctype html><html><head></head><frameset><frame></frameset>",
    "declared": "<!doctype html><html><head><meta charset=iso-8859-1><title>\xfc</title><p>Gr\xfc\xdfe",
}
SW = """
self.oninstall = () => skipWaiting();
self.onactivate = event => event.waitUntil(clients.claim());
self.onfetch = event => {
  if (event.request.mode !== "navigate") return;
  event.respondWith(caches.open("pages").then(async cache => {
    const kept = await cache.match(event.request);
    if (kept && event.request.url.endsWith("/kept")) return kept;
    const fresh = await fetch(event.request);
    cache.put(event.request, fresh.clone());
    return fresh;
  }));
};
"""
WORKING = "<!doctype html><title>x</title><script>navigator.serviceWorker.register('/sw.js')</script><p id=v>"
TALKING = """<!doctype html><title>x</title><p id=v>VERSION</p><script>
window.heard = []; window.socket = new WebSocket(location.href.replace("http", "ws"));
socket.onopen = () => socket.send("hello"); socket.onmessage = event => heard.push(event.data);
</script>"""
FRAMING = "<!doctype html><title>x</title><p id=v>VERSION</p><iframe src=/framed></iframe>"
SAME_PATH = "<!doctype html><title>x</title><p id=v>VERSION<script src=/__devserver__/refresh.js></script>"


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": f"{VERSION} {message['text']}"})
        return
    if scope["type"] != "http":
        return
    path, status, kind, more = scope["path"], 200, TEXT, []
    page = f"<!doctype html><title>x</title><p id=v>{VERSION}</p>"
    body = page.encode()
    if path[1:] in SHAPES:
        kind, body = "text/html", SHAPES[path[1:]].encode("latin-1")
    match path:
        case "/utf-16":
            kind, body = "text/html", page.replace("<p", "\u00fc<p").encode("utf-16")
        case "/large":
            body = page.encode() + b"<!-- " + b"x" * 50_000_000 + b" --><i id=end></i>"
        case "/sw.js":
            kind, body = "text/javascript", SW.encode()
        case "/working" | "/kept":
            body = (WORKING + VERSION).encode()
        case "/talking":
            body = TALKING.replace("VERSION", VERSION).encode()
        case "/framing":
            body = FRAMING.replace("VERSION", VERSION).encode()
        case "/same-path":
            body = SAME_PATH.replace("VERSION", VERSION).encode()
        case "/__devserver__/refresh.js":
            kind, body = "text/javascript", b"window.own = 'the app';"
        case "/pdf":
            kind, body = "application/pdf", b"%PDF-1.4"
        case "/download":
            more, body = [(b"content-disposition", b"attachment; filename=a.html")], b"<h1>a file"
        case "/gzip":
            more, body = [(b"content-encoding", b"gzip")], gzip.compress(body)
        case "/moved":
            status, more = 307, [(b"location", b"/")]
        case "/same":
            status, more, body = 304, [(b"etag", b'"a"')], b""
    headers = [(b"content-type", kind.encode()), *more]
    if path != "/streamed" and status != 304:
        headers += [(b"content-length", b"%d" % len(body)), (b"etag", b'"a"')]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if path == "/streamed":
        for byte in body:
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await asyncio.sleep(0)
        body = b""
    await send({"type": "http.response.body", "body": body})
'''
SHAPES = (
    *("no-head", "two-heads", "in-a-comment", "in-a-script", "text", "cut", "cut-in-the-head", "frameset"),
    *("declared", "utf-16"),
)
DOCUMENT = {"sec-fetch-dest": "document", "accept": "text/html"}
TAG = b"<script src="


def version(name: str) -> str:
    """Return the app as of this version."""
    return APP.replace('VERSION = "one"', f'VERSION = "{name}"')


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    with browsing() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DevServer]:
    """The app above, live."""
    (tmp_path / "app.py").write_text(APP)
    with serving(tmp_path, target="app.py") as running:
        running.wait("live")
        yield running


def url(server: DevServer, path: str = "/") -> str:
    """Return where the app is."""
    return f"http://127.0.0.1:{server.http_port}{path}"


def get(server: DevServer, path: str, **headers: str) -> httpx.Response:
    """Ask for something, by default as a browser that navigates."""
    given = DOCUMENT | {"accept-encoding": "identity"} | headers
    with httpx.stream("GET", url(server, path), headers=given, timeout=DEADLINE) as answer:
        content = b"".join(answer.iter_raw())
    assert len(content) == int(answer.headers.get("content-length", len(content)))
    return httpx.Response(answer.status_code, headers=answer.headers, content=content)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_page_of_any_shape_looks_as_without_us(
    server: DevServer, browser: Browser, tmp_path_factory: pytest.TempPathFactory, shape: str
) -> None:
    """The same document, mode and encoding as by --no-browser-reload; and a save is seen."""
    picture = (
        "[document.documentElement.outerHTML, document.compatMode, document.characterSet,"
        " document.doctype && document.doctype.name]"
    )
    folder = tmp_path_factory.mktemp("plain")
    (folder / "app.py").write_text(APP)
    with serving(folder, "--no-browser-reload", target="app.py") as plain:
        plain.wait("live")
        with browser.page(url(plain, f"/{shape}")) as page:
            expected: Any = page.evaluate(picture)
    with browser.page(url(server, f"/{shape}")) as page:
        assert page.evaluate(picture) == expected
        page.evaluate("window.same = true")
        server.save(version("two"), "app.py")
        page.until("window.same === undefined && document.readyState === 'complete'")


def test_a_page_behind_a_service_worker_refreshes_itself(server: DevServer, browser: Browser) -> None:
    """One that the worker takes from its cache is not loaded again and again."""
    with browser.page(url(server, "/working")) as page:
        page.until("navigator.serviceWorker.controller")
        page.goto(url(server, "/working"))
        server.save(version("two"), "app.py")
        page.until("v.textContent === 'two'")
        page.goto(url(server, "/kept"))
        loads = "sessionStorage.loads = 1 + Number(sessionStorage.loads ?? 0)"
        page.call("Page.addScriptToEvaluateOnNewDocument", source=loads)
        server.save(version("three"), "app.py")
        page.until("sessionStorage.loads === '1' && document.readyState === 'complete'")
        page.goto(url(server, "/"))
        page.until("v.textContent === 'three'")
        assert page.evaluate("sessionStorage.loads") == "2"


def test_a_page_with_a_websocket_refreshes_itself(server: DevServer, browser: Browser) -> None:
    """Its next WebSocket is the new code's, and no WebSocket is lost with an error."""
    with browser.page(url(server, "/talking")) as page:
        page.until("heard[0] === 'one hello'")
        server.save(version("two"), "app.py")
        page.until("v.textContent === 'two' && heard[0] === 'two hello'")
    assert server.past("lost") == []


def test_a_page_may_keep_itself(server: DevServer, browser: Browser) -> None:
    """It prevents the default of our event, and its WebSocket goes on with the new code."""
    with browser.page(url(server, "/talking")) as page:
        page.until("heard.length === 1")
        page.evaluate(
            "addEventListener('devserver', event => { event.preventDefault(); window.told = event.detail; })"
        )
        server.save(version("two"), "app.py")
        page.until("window.told?.outdated && told.generation === 2")
        page.evaluate("socket.send('again')")
        page.until("heard[1] === 'two again'")
        assert page.evaluate("v.textContent") == "one"


def test_frames_and_the_app_s_own_script_are_left_alone(server: DevServer, browser: Browser) -> None:
    """A frame is part of its page; a path of the app's that is spelt like ours is the app's."""
    with browser.page(url(server, "/framing")) as page:
        page.until("frames[0].document.querySelector('#v')")
        assert "refresh.js" not in page.evaluate("JSON.stringify(frames[0].performance.getEntries())")
        server.save(version("two"), "app.py")
        page.until("v.textContent === 'two' && frames[0].document.querySelector('#v')?.textContent === 'two'")
        page.goto(url(server, "/same-path"))
        page.until("v.textContent === 'two' && window.own === 'the app'")
        server.save(version("three"), "app.py")
        page.until("v.textContent === 'three' && window.own === 'the app'")


def test_a_popup_refreshes_itself(server: DevServer, browser: Browser) -> None:
    """It is a page like any other."""
    with browser.page(url(server)) as page:
        page.evaluate("void (window.popup = open('/popup', 'x', 'popup'))")
        page.until("popup.document.querySelector('#v')?.textContent === 'one'")
        server.save(version("two"), "app.py")
        page.until("v.textContent === 'two'")
        page.until("open('', 'x').document.querySelector('#v')?.textContent === 'two'")


def test_javascript_that_is_off_harms_nothing(server: DevServer, browser: Browser) -> None:
    """The page is there; so it is where our script is blocked."""
    with browser.page() as page:
        page.call("Network.enable")
        page.call("Network.setBlockedURLs", urls=["*__devserver__*"])
        page.goto(url(server))
        assert page.evaluate("v.textContent") == "one"
        page.call("Emulation.setScriptExecutionDisabled", value=True)
        page.goto(url(server))
        assert page.evaluate("document.body.innerText.trim()") == "one"


def test_a_page_that_is_streamed_in_single_bytes(server: DevServer) -> None:
    """It is whole, with one script in the head."""
    answer = get(server, "/streamed")
    plain = get(server, "/streamed", **{"sec-fetch-dest": "empty"})
    assert answer.content.count(TAG) == 1
    assert answer.content.startswith(b"<!doctype html><script src=")
    start, end = answer.content.index(TAG), answer.content.index(b"</script>") + len(b"</script>")
    assert answer.content[:start] + answer.content[end:] == plain.content


def test_a_page_of_50_mb(server: DevServer) -> None:
    """Its length is right to the byte."""
    answer = get(server, "/large")
    assert answer.content.count(TAG) == 1
    assert answer.content.endswith(b"<i id=end></i>")


@pytest.mark.parametrize("path", ["/pdf", "/download", "/moved", "/same", "/gzip", "/sw.js"])
def test_what_is_no_page_is_passed_on_as_it_is(server: DevServer, path: str) -> None:
    """Byte for byte, as a program gets it."""
    page, plain = get(server, path), get(server, path, **{"sec-fetch-dest": "empty"})
    drop = {"date"}
    assert [each for each in page.headers.raw if each[0].decode().lower() not in drop] == [
        each for each in plain.headers.raw if each[0].decode().lower() not in drop
    ]
    assert page.content == plain.content


def test_a_page_that_is_compressed_all_the_same_is_reported_once(server: DevServer) -> None:
    """The console names it and the reason."""
    get(server, "/gzip")
    get(server, "/gzip")
    server.wait("notice")
    texts = [fact["text"] for fact in server.past("notice")]
    assert texts == [
        "/gzip cannot refresh itself: it is compressed (gzip), although the request asked for identity"
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-dest": "empty", "hx-request": "true"},
        {"sec-fetch-dest": "empty", "turbo-frame": "a"},
        {"sec-fetch-dest": "iframe"},
        {"sec-fetch-dest": ""},
    ],
)
def test_who_is_no_browser_that_navigates_gets_the_page_as_it_is(
    server: DevServer, headers: dict[str, str]
) -> None:
    """Fragments, frames, programs."""
    answer = get(server, "/", **headers)
    assert TAG not in answer.content
    assert answer.headers["etag"] == '"a"'
    assert "vary" not in answer.headers


def test_head_and_conditions(server: DevServer) -> None:
    """HEAD is the app's answer; a copy with the script is never good enough, one without it may be."""
    head = httpx.head(url(server), headers=DOCUMENT, timeout=DEADLINE)
    assert (head.headers["etag"], head.headers["content-length"]) == ('"a"', "46")
    page = get(server, "/")
    assert page.headers["etag"] == '"a-devserver"'
    assert page.headers["vary"] == "Sec-Fetch-Dest"


def test_nothing_is_added_when_it_is_switched_off(tmp_path: Path) -> None:
    """Nor is there a channel: its path is the app's."""
    (tmp_path / "app.py").write_text(APP)
    with serving(tmp_path, "--no-browser-reload", target="app.py") as server:
        server.wait("live")
        assert get(server, "/").content == get(server, "/", **{"sec-fetch-dest": "empty"}).content
        assert get(server, "/__devserver__/refresh?devserver=1").text.startswith("<!doctype html>")


def test_the_channel_is_for_pages_of_this_server(server: DevServer) -> None:
    """Another site's page is refused, and a program that asks like ours gets the state."""
    channel = url(server, "/__devserver__/refresh?devserver=1")
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        answer = httpx.get(channel, headers=headers, timeout=DEADLINE)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    with httpx.stream("GET", channel, timeout=DEADLINE) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 300"
        assert '"live":1' in next(lines)
        server.save(version("two"), "app.py")
        assert '"live":2' in next(
            line for line in lines if line.startswith("data") and '"live":1' not in line
        )


def test_the_server_stops_though_pages_listen(server: DevServer, browser: Browser) -> None:
    """Their connections are no work that is waited for."""
    with browser.page(url(server)) as page:
        page.until("v.textContent === 'one'")
        assert server.stop() == 0
