"""Apps over green threads: gevent's are served as `flask run` serves them, eventlet's are refused."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.frameworks import need
from tests.harness import eventually, serving
from tests.http import browsing

APP = """
from gevent import monkey
monkey.patch_all()
import asyncio, threading
import gevent
from flask import Flask, request

app = Flask(__name__)
gate = threading.Barrier(15)
ticks = []

def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.01)

gevent.spawn(tick)

@app.get("/")
def index():
    return "v{version}"

@app.get("/together")
def together():
    gate.wait(20)
    return threading.current_thread().name

@app.get("/ticks")
def count():
    return str(len(ticks))

@app.get("/run")
def run():
    async def work():
        for _ in range(20):
            await asyncio.sleep(0.005)
        return "ran"
    return asyncio.run(work())

@app.post("/")
def echo():
    return str(len(request.get_data()))
"""


def test_an_app_that_gevent_has_patched_is_served(tmp_path: Path) -> None:
    """More requests than threads at once, its own greenlets, asyncio.run() in a view, a body, and saves."""
    need("gevent")
    with serving(tmp_path, text=APP.format(version=1)) as server, browsing(server) as client:
        assert client.get("/").text == "v1"
        with ThreadPoolExecutor(15) as pool:
            url = f"http://127.0.0.1:{server.http_port}/together"
            said = list(pool.map(lambda _: httpx.get(url, timeout=30).status_code, range(15)))
        assert said == [200] * 15
        first = int(client.get("/ticks").text)
        eventually("its own greenlet runs", lambda: int(client.get("/ticks").text) > first)
        with ThreadPoolExecutor(1) as pool:  # our loop runs between the steps of the view's
            ran = pool.submit(httpx.get, f"http://127.0.0.1:{server.http_port}/run", timeout=30)
            eventually("the view's own loop has run", lambda: bool(client.get("/").text) and ran.done())
        assert ran.result().text == "ran"
        assert client.post("/", content=b"x" * 3_000_000).text == "3000000"
        server.save(APP.format(version=2))
        assert client.get("/").text == "v2"
        assert server.stop() == 0
        assert "Traceback" not in server.output()


def test_an_app_that_eventlet_has_patched_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hang: the page and the console say why, and what to do."""
    package = tmp_path / "lib" / "site-packages" / "eventlet"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from eventlet import patcher\n")
    (package / "patcher.py").write_text("already_patched = {'socket': True}\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")]))
    project = tmp_path / "project"
    project.mkdir()
    text = "import eventlet\ndef app(environ, start_response): pass\n"
    with serving(project, text=text) as server, browsing(server) as client:
        [failure] = server.wait("refused")["failures"]
        assert failure["message"].startswith("devserver cannot serve an app for which eventlet has patched")
        answer = client.get("/")
        assert answer.status_code == 503
        assert "eventlet" in answer.text
        assert "Traceback" not in server.output()
        assert server.stop() == 0
