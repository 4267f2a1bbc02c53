"""A request in which the app raises, in a real browser: the error, and then by itself the mended page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser import Browser, browsing
from tests.harness import DEADLINE, serving

BARE = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    answer(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"<!doctype html><title>x</title><h1>It works</h1>"})


def answer(path):
    raise ValueError(f"no {path}")
"""
FASTAPI = """
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

app = FastAPI()


@app.get("/")
@app.get("/sync")
async def page():
    answer("/")
    return HTMLResponse("<!doctype html><title>x</title><h1>It works</h1>")


def answer(path):
    raise ValueError(f"no {path}")
"""
WSGI = """
def app(environ, start_response):
    answer("/")
    start_response("200 OK", [("content-type", "text/html")])
    return [b"<!doctype html><title>x</title><h1>It works</h1>"]


def answer(path):
    raise ValueError(f"no {path}")
"""
FLASK = """
from flask import Flask

app = Flask(__name__)


@app.get("/")
def page():
    raise ValueError("no")
"""
MENDED = 'raise ValueError(f"no {path}")', "return path"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    with browsing() as running:
        yield running


@pytest.mark.parametrize("text", [BARE, FASTAPI, WSGI], ids=["bare", "fastapi", "wsgi"])
def test_the_error_is_shown_until_it_is_mended(tmp_path: Path, browser: Browser, text: str) -> None:
    """With the line; a program gets what uvicorn would have sent."""
    (tmp_path / "app.py").write_text(text)
    with serving(tmp_path, target="app.py") as server:
        server.wait("live")
        place = f"http://127.0.0.1:{server.http_port}/"
        with browser.page(place) as page:
            page.until("document.title === '✗ ValueError: no /'")
            shown = page.evaluate("document.body.innerText")
            assert "500 · GET /" in shown
            assert "app.py:" in shown
            assert "in answer" in shown
            plain = httpx.get(place, headers={"accept": "text/html"}, timeout=DEADLINE)
            assert (plain.status_code, plain.text) == (500, "Internal Server Error")
            server.save(text.replace(*MENDED), "app.py")
            page.until("document.querySelector('h1')?.textContent === 'It works'")
        server.wait("handler-failed")
        failed = server.past("handler-failed")
        assert {fact["failure"]["type"] for fact in failed} == {"ValueError"}


def test_an_app_with_its_own_page_shows_that(tmp_path: Path, browser: Browser) -> None:
    """Flask in debug mode, for one; and anybody does with --no-error-page."""
    (tmp_path / "app.py").write_text(FLASK)
    with serving(tmp_path, target="app.py") as server:
        server.wait("live")
        with browser.page(f"http://127.0.0.1:{server.http_port}/") as page:
            page.until("document.title.includes('Werkzeug Debugger')")
    (tmp_path / "app.py").write_text(BARE)
    with serving(tmp_path, "--no-error-page", target="app.py") as server:
        server.wait("live")
        with browser.page(f"http://127.0.0.1:{server.http_port}/") as page:
            page.until("document.body.innerText === 'Internal Server Error'")
