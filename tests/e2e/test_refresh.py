"""The browser refreshes itself: what a user sees who saves and presses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser, browsing
from tests.harness import DevServer, eventually, serving

pytestmark = pytest.mark.browser

SOURCES = """
window.sources = [];
window.EventSource = class extends EventSource {
  constructor(...given) { super(...given); window.sources.push(this); }
};
"""
APP = '''
import base64, os

VERSION = "one"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PAGE = """<!doctype html><html lang=en><head><title>app</title><link rel=icon href=data:,>
<link rel=stylesheet href=/static/css/main.css></head><body><h1 id=version>VERSION</h1>
<img id=image src=/static/pixel.png width=9><script>window.born = performance.timeOrigin</script>
<form method=post action=/form><input name=name id=name><textarea name=text id=text></textarea>
<select id=choice><option>a<option>b</select><input type=checkbox id=check><input type=password id=secret>
<button id=send>Send</button></form>
<div id=box style="height:50px;overflow:auto"><div style="height:500px"></div></div>
<a id=other href=/other>other</a><div style="height:3000px"></div></body></html>"""
POSTED = []


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    path, status = scope["path"], 200
    headers = [(b"content-type", b"text/html; charset=utf-8")]
    if scope["method"] == "POST":
        POSTED.append(1)
    if path.startswith("/static/"):
        kinds = {"css": b"text/css", "png": b"image/png", "js": b"text/javascript", "svg": b"image/svg+xml"}
        headers = [(b"content-type", kinds.get(path.rpartition(".")[2], b"text/plain")),
                   (b"cache-control", b"max-age=1000")]
        with open(path[1:], "rb") as file:
            body = file.read()
    elif path == "/posted":
        body = str(len(POSTED)).encode()
    else:
        body = PAGE.replace("VERSION", VERSION + path).encode()
        headers += [(b"content-length", b"%d" % len(body))]
    if path == "/strict":
        policy = b"default-src 'none'; script-src 'nonce-abc'; connect-src 'self'"
        headers += [(b"content-security-policy", policy), (b"content-security-policy", b"style-src 'none'")]
    if path == "/closed":
        headers += [(b"content-security-policy", b"default-src 'none'")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
'''
BROKEN = APP + "\ndef broken(:\n"


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
    (tmp_path / "static" / "css").mkdir(parents=True)
    (tmp_path / "static" / "css" / "main.css").write_text("h1 { color: rgb(255, 0, 0) }")
    (tmp_path / "static" / "pixel.png").write_bytes(b"")
    (tmp_path / "app.py").write_text(APP)
    with serving(tmp_path, target="app.py") as running:
        running.wait("live")
        yield running


def url(server: DevServer, path: str = "/") -> str:
    """Return where the app is."""
    return f"http://127.0.0.1:{server.http_port}{path}"


def test_a_save_is_seen_without_a_key_pressed(server: DevServer, browser: Browser) -> None:
    """What was typed, chosen and scrolled is kept, and so is the caret; a password is not stored."""
    with browser.page(url(server)) as page:
        page.evaluate("document.getElementById('name').focus()")
        page.call("Input.insertText", text="Ada")
        page.evaluate(
            "text.value = 'a poem'; choice.selectedIndex = 1; check.checked = true; secret.value = 'x';"
            "box.scrollTop = 70; scrollTo(0, 500); document.getElementById('name').setSelectionRange(1, 2)"
        )
        for name in ("two", "three"):
            server.save(version(name), "app.py")
            page.until(f"version.textContent === '{name}/' && scrollY === 500")
            kept = (
                "[document.getElementById('name').value, text.value, choice.value, check.checked,"
                "secret.value, box.scrollTop, document.activeElement.id, "
                "document.getElementById('name').selectionStart]"
            )
            assert page.evaluate(kept) == ["Ada", "a poem", "b", True, "", 70, "name", 1]
        assert page.evaluate("document.querySelectorAll('script').length") == 1  # the page's own


def test_style_sheets_and_images_are_swapped(server: DevServer, browser: Browser) -> None:
    """The page is not loaded again, and no Worker is replaced."""
    with browser.page(url(server)) as page:
        page.evaluate("document.getElementById('name').value = 'Ada'")
        server.save("h1 { color: rgb(0, 0, 255) }", "static/css/main.css")
        page.until("getComputedStyle(version).color === 'rgb(0, 0, 255)'")
        page.until("document.querySelectorAll('link[rel=stylesheet]').length === 1")
        server.save("<svg xmlns='http://www.w3.org/2000/svg' width='7' height='7'/>", "static/pixel.png")
        page.until("image.src.endsWith('/static/pixel.png?devserver=2')")
        assert page.evaluate("document.getElementById('name').value") == "Ada"
        assert server.past("worker-started") == server.past("worker-started", worker=1)
        assert server.past("changed") == []


def test_a_file_that_is_not_swapped_reloads_the_pages_that_use_it(
    server: DevServer, browser: Browser
) -> None:
    """The browser's cache does not hold it back; pages that do not use it stay as they are."""
    (server.folder / "static" / "main.js").write_text("window.made = 1")
    (server.folder / "app.py").write_text(APP.replace("<form", "<script src=/static/main.js></script><form"))
    server.wait("live")
    with browser.page(url(server)) as page:
        page.until("window.made === 1")
        page.evaluate("window.same = true")
        server.save("other", "static/other.js")
        server.wait("assets-changed")
        server.save("window.made = 2", "static/main.js")
        page.until("window.made === 2")
        assert page.evaluate("window.same") is None


def test_a_refused_save_is_shown_and_goes_with_its_fix(server: DevServer, browser: Browser) -> None:
    """The page stays as it is beneath, the focus too; the title has the mark; Escape closes it."""
    with browser.page(url(server)) as page:
        page.evaluate("window.same = true; document.getElementById('name').focus()")
        server.save(BROKEN, "app.py")
        inside = "document.querySelector('devserver-overlay').shadowRoot"
        page.until("document.querySelector('devserver-overlay')")
        assert page.evaluate("document.title") == "✗ app"
        shown = page.evaluate(f"{inside}.textContent")
        assert "SyntaxError" in shown
        assert "def broken(:" in shown
        assert page.evaluate(f"{inside}.querySelector('[role=alert]').textContent").startswith(
            "✗ not live: app.py:"
        )
        assert page.evaluate("document.activeElement.id") == "name"
        page.press("Escape", 27)
        assert page.evaluate("document.querySelector('devserver-overlay')") is None
        assert page.evaluate("[document.title, window.same]") == ["✗ app", True]
        server.save(APP, "app.py")  # what runs: nothing is loaded again
        page.until("document.title === 'app'")
        assert page.evaluate("window.same") is True
        server.save(BROKEN, "app.py")
        page.until("document.querySelector('devserver-overlay')")
        server.save(version("two"), "app.py")
        page.until("version.textContent === 'two/'")
        assert page.evaluate("[document.title, document.querySelector('devserver-overlay')]") == ["app", None]


def test_a_page_that_is_opened_while_a_save_is_refused_shows_that(
    server: DevServer, browser: Browser
) -> None:
    """It shows the last good code, and that it does."""
    server.save(BROKEN, "app.py")
    server.wait("refused")
    with browser.page(url(server)) as page:
        page.until("document.querySelector('devserver-overlay') && document.title === '✗ app'")


def test_ten_tabs_share_one_connection(server: DevServer, browser: Browser) -> None:
    """Each shows the save once a user looks at it; when the one that listens is closed, another does."""
    with browser.user() as user:
        tabs = [user.tab(url(server), SOURCES) for _ in range(10)]
        listening = "window.sources.filter(source => source.readyState < 2).length"
        tabs[0].until("window.sources.length === 1")
        assert sum(tab.evaluate(listening) for tab in tabs) == 1
        for number in range(2):
            server.save(version(f"v{number}"), "app.py")
            for tab in tabs:
                tab.front()
                tab.until(f"version.textContent === 'v{number}/'")
        owners = eventually("one listens", lambda: [tab for tab in tabs if tab.evaluate(listening)])
        assert len(owners) == 1
        owners[0].close()
        tabs.remove(owners[0])
        server.save(version("last"), "app.py")
        for tab in tabs:
            tab.front()
            tab.until("version.textContent === 'last/'")
        eventually("one listens", lambda: sum(tab.evaluate(listening) for tab in tabs) == 1)


def test_a_page_from_the_back_forward_cache_is_fresh(server: DevServer, browser: Browser) -> None:
    """It went to sleep with older code, and reloads as it wakes; the cache may have it in the first place."""
    inject = "addEventListener('pageshow', event => { if (event.persisted) sessionStorage.slept = 'yes'; });"
    with browser.page(url(server), inject) as page:
        page.goto(url(server, "/other"))
        server.save(version("two"), "app.py")
        page.until("version.textContent === 'two/other'")
        page.evaluate("history.back()")
        page.until("version.textContent === 'two/'")
        assert page.evaluate("sessionStorage.slept") == "yes"


def test_a_page_with_a_strict_policy(server: DevServer, browser: Browser) -> None:
    """Its nonce is used, and the overlay needs no style of its policy's; without a nonce it is left alone."""
    with browser.page(url(server, "/strict")) as page:
        server.save(BROKEN, "app.py")
        page.until("document.querySelector('devserver-overlay')")
        height = "document.querySelector('devserver-overlay').shadowRoot.querySelector('.sheet').offsetHeight"
        assert page.evaluate(height) > 100
        assert (
            page.evaluate("getComputedStyle(document.querySelector('devserver-overlay')).position") == "fixed"
        )
        server.save(version("two"), "app.py")
        page.until("version.textContent === 'two/strict'")
        page.goto(url(server, "/closed"))
        page.goto(url(server, "/closed"))
        assert page.evaluate("document.querySelectorAll('script').length") == 1
    eventually("it is reported", lambda: any("/closed" in fact["text"] for fact in server.past("notice")))
    notices = [fact["text"] for fact in server.past("notice") if "/closed" in fact["text"]]
    assert len(notices) == 1
    assert notices[0].startswith("/closed cannot refresh itself: its Content-Security-Policy")


def test_a_form_is_never_sent_twice(server: DevServer, browser: Browser) -> None:
    """The page that answers it reports that new code is live, and stays."""
    with browser.page(url(server)) as page:
        page.evaluate("send.click()")
        page.until("version.textContent === 'one/form'")
        server.save(version("two"), "app.py")
        page.until("document.querySelector('devserver-overlay')")
        assert "would be sent twice" in page.evaluate(
            "document.querySelector('devserver-overlay').shadowRoot.textContent"
        )
        assert page.evaluate("version.textContent") == "one/form"
        page.press("Escape", 27)
        page.goto(url(server, "/posted"))
        assert page.evaluate("document.body.innerText") == "0"


def test_a_form_on_its_way_is_not_overtaken_by_a_reload(server: DevServer, browser: Browser) -> None:
    """New code goes live while the old one still answers: the answer is shown all the same."""
    wait = "print('posted', flush=True); await asyncio.sleep(SLOW)"
    slow = version("two").replace("POSTED.append(1)", wait)
    slow = slow.replace("import base64", "import asyncio, base64\nSLOW = 2\nimport base64")
    server.save(slow, "app.py")
    server.wait("live")
    with browser.page(url(server)) as page:
        page.evaluate("void setTimeout(() => send.click())")
        eventually("it is being answered", lambda: "posted\n" in server.output())
        server.save(version("three"), "app.py")
        server.wait("live")
        page.until("version.textContent === 'two/form'")
        page.until("document.querySelector('devserver-overlay')")
