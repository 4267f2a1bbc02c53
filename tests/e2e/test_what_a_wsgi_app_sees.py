"""The rows of docs/WHAT-THE-APP-SEES.md about WSGI apps and templates."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from tests.apps.environ import application
from tests.frameworks import need
from tests.harness import serving
from tests.side_by_side import Wire, ask, side_by_side

REQUEST = (
    "POST /caf%C3%A9/a%20b%2Fc;d?q=%20&r=1+2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    "Content-Type: text/plain; charset=latin-1\r\nContent-Length: 5\r\nX-A: 1\r\nX-B: \xe9\r\n"
    "Accept: */*\r\nUser-Agent: test\r\n\r\nhello"
).encode("latin-1")
PLACE = {"SERVER_PORT", "REMOTE_PORT", "SERVER_NAME"}
"""Where each server is."""


def answered(port: int) -> dict[str, Any]:
    """Return what the app says of the request."""
    with Wire(port) as wire:
        wire.do([REQUEST])
        found: dict[str, Any] = json.loads(wire.end().rpartition(b"\r\n\r\n")[2])
    return found


class Quiet(WSGIRequestHandler):
    """Logs nothing, looks up no names."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        """Return the address."""
        return str(self.client_address[0])


def test_the_environ(tmp_path: Path) -> None:
    """The same keys and values as through a2wsgi under uvicorn, and whether the body has an end."""
    with side_by_side(tmp_path, "environ", attribute="application") as pair:
        uvicorn, devserver = (answered(port) for port in pair.ports)
        for seen, port in zip((uvicorn, devserver), pair.ports, strict=True):
            environ = seen["environ"]
            assert environ.pop("SERVER_PORT") == repr(str(port))
            assert re.fullmatch(r"'\d+'", environ.pop("REMOTE_PORT"))
        assert devserver["environ"].pop("wsgi.input_terminated") == "False"
        assert (uvicorn.pop("errors"), devserver.pop("errors")) == ("stdout", "stderr")
        assert devserver == uvicorn


def test_the_environ_of_a_server_for_wsgi(tmp_path: Path) -> None:
    """What CGI and PEP 3333 define has the values that wsgiref gives; but there are threads and processes."""
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        reference = answered(server.server_port)["environ"]
        thread.join()
    with side_by_side(tmp_path, "environ", attribute="application") as pair:
        environ = answered(pair.devserver.http_port)["environ"]
        assert "to wsgi.errors\n" in pair.stderr()
    shared = {key for key in environ if key in reference} - PLACE
    different = {key: environ[key] for key in shared if environ[key] != reference[key]}
    assert different == {"wsgi.multithread": "True", "wsgi.multiprocess": "True"}
    assert {"SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "REMOTE_ADDR", "HTTP_X_B"} <= shared


TEMPLATED = {
    "flask": """
import flask
app = flask.Flask(__name__)
app.add_url_rule("/", view_func=lambda: flask.render_template("page.html"))
""",
    "jinja2": """
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
pages = Environment(loader=FileSystemLoader("templates"), auto_reload=False)
app = Starlette(routes=[Route("/", lambda _: PlainTextResponse(pages.get_template("page.html").render()))])
""",
    "django": """
import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.shortcuts import render
from django.urls import path
templates = {"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": ["templates"]}
settings.configure(DEBUG=True, ROOT_URLCONF=__name__, TEMPLATES=[templates], ALLOWED_HOSTS=["*"])
urlpatterns = [path("", lambda request: render(request, "page.html"))]
app = get_asgi_application()
""",
}


@pytest.mark.parametrize("framework", TEMPLATED)
def test_an_edited_template_is_fresh(tmp_path: Path, framework: str) -> None:
    """The request after a template was saved shows it, though the framework may keep templates in memory."""
    need(framework)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("page 0")
    (tmp_path / "pages.py").write_text(TEMPLATED[framework])
    with serving(tmp_path, target="pages.py") as server:
        server.wait("ready")
        assert b"page 0" in ask(server.http_port, "/")
        for number in range(1, 4):
            server.save(f"page {number}", "templates/page.html")
            assert f"page {number}".encode() in ask(server.http_port, "/")
