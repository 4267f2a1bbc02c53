"""The small apps that the benchmarks serve, and what every app of theirs has in common.

Each answers `/` with its version, `/slow` the same after two seconds, `/events` as an endless event stream
with ids, and, where the framework can, `/ws` as a WebSocket that answers every message with the version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BARE = """\
import asyncio

VERSION = "version @VERSION@"


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await websocket(receive, send)
    elif scope["path"] == "/events":
        await events(scope, send)
    else:
        if scope["path"] == "/slow":
            await asyncio.sleep(2)
        await answer(send, VERSION.encode())


async def lifespan(receive, send):
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def answer(send, body):
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def websocket(receive, send):
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": VERSION})
        else:
            return


async def events(scope, send):
    number = int(dict(scope["headers"]).get(b"last-event-id", 0))
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while True:
        number += 1
        event = f"id: {number}\\ndata: {VERSION}\\n\\n"
        await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
        await asyncio.sleep(0.05)
"""

FLASK = """\
import itertools
import time

from flask import Flask, Response, request

VERSION = "version @VERSION@"
app = Flask(__name__)


@app.get("/")
def index():
    return Response(VERSION, mimetype="text/plain")


@app.get("/slow")
def slow():
    time.sleep(2)
    return Response(VERSION, mimetype="text/plain")


@app.get("/events")
def events():
    last = int(request.headers.get("Last-Event-ID", 0))

    def stream():
        for number in itertools.count(last + 1):
            yield f"id: {number}\\ndata: {VERSION}\\n\\n"
            time.sleep(0.05)

    return Response(stream(), mimetype="text/event-stream")
"""

SYNTAX_ERROR = "\n\ndef broken(:\n"
IMPORT_ERROR = "\n\nimport a_module_that_nobody_has\n"


@dataclass(frozen=True)
class App:
    """An app: how its files are made, which of them is saved, and what can be asked of it.

    `target` is for devserver, `name` for the others. `needs` are the distributions that it imports.
    `everything` is false where only times, memory and idle cost are measured.
    """

    key: str
    title: str
    interface: str
    name: str
    target: str
    saved: str
    text: str
    needs: tuple[str, ...] = ()
    make: Callable[[Path], None] = lambda folder: None
    websocket: bool = True
    everything: bool = True

    def source(self, version: int, padding: int = 0, tail: str = "") -> str:
        """Return the saved file's text; `padding` makes its size differ."""
        return self.text.replace("@VERSION@", f"{version:06}") + f"# {'-' * padding}\n" + tail

    def create(self, folder: Path, version: int) -> None:
        """Write all its files."""
        folder.mkdir(parents=True)
        self.make(folder)
        saved = folder / self.saved
        saved.parent.mkdir(parents=True, exist_ok=True)
        saved.write_text(self.source(version))


BARE_APP = App(
    key="bare",
    title="A bare ASGI app, one file",
    interface="asgi",
    name="app:app",
    target="app.py",
    saved="app.py",
    text=BARE,
)
FLASK_APP = App(
    key="flask",
    title="A Flask app, one file",
    interface="flask",
    name="app",
    target="app.py",
    saved="app.py",
    text=FLASK,
    needs=("flask",),
    websocket=False,
)
