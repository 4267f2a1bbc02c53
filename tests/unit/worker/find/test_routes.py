"""Which routes an app has, as each framework keeps them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from devserver.ipc.messages import Route
from devserver.worker.find.apps import App, with_debugger
from devserver.worker.find.discover import Found
from devserver.worker.find.handlers import Handler, Handlers
from devserver.worker.find.routes import MOST_ROUTES, routes_of
from devserver.worker.run.report_routes import read
from tests.frameworks import need


def view(*_: Any, **__: Any) -> str:
    """Answer."""
    return ""


async def asynchronous(*_: Any, **__: Any) -> None:
    """Answer."""


LINE = view.__code__.co_firstlineno


def shown(app: Any) -> list[tuple[str, str, str]]:
    """Return the kind or methods, the path and the function's own name of each route."""
    found = routes_of(app)
    assert found is not None
    return [
        (
            ",".join(route.methods) if route.kind == "http" else route.kind,
            route.path,
            route.endpoint.rpartition(".")[2],
        )
        for route in found[0]
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_starlette_lists_its_routes_and_those_of_mounted_apps() -> None:
    """Also of hosts, of an app below an app, and behind middlewares; static files are one row."""
    need("starlette", "flask")
    from flask import Flask
    from starlette.applications import Starlette
    from starlette.middleware.cors import CORSMiddleware
    from starlette.middleware.wsgi import WSGIMiddleware
    from starlette.routing import Host, Mount, Route, WebSocketRoute
    from starlette.staticfiles import StaticFiles

    flask = Flask("below", static_folder=None)
    flask.add_url_rule("/old/<int:key>", view_func=view)
    routes = [
        Route("/", view),
        Route("/items/{key:int}", view, methods=["POST", "DELETE"]),
        WebSocketRoute("/ws", asynchronous),
        Mount("/api", routes=[Route("/", view), Mount("/v1", Starlette(routes=[Route("/deep", view)]))]),
        Mount("/static", StaticFiles(directory="."), name="static"),
        Mount("/flask", WSGIMiddleware(flask)),
        Host("www.localhost", Starlette(routes=[Route("/", view)])),
    ]
    assert shown(CORSMiddleware(Starlette(routes=routes))) == [
        ("GET", "/", "view"),
        ("DELETE,POST", "/items/{key:int}", "view"),
        ("websocket", "/ws", "asynchronous"),
        ("GET", "/api/", "view"),
        ("GET", "/api/v1/deep", "view"),
        ("mount", "/static", "StaticFiles"),
        ("GET", "/flask/old/<int:key>", "view"),
        ("GET", "//www.localhost/", "view"),
    ]


def test_fastapi_lists_the_routes_of_included_routers() -> None:
    """With their prefixes, at their whole paths; those of a mounted app too."""
    need("fastapi")
    from fastapi import APIRouter, FastAPI

    inner, outer = APIRouter(prefix="/inner"), APIRouter()
    inner.get("/{key}")(view)
    inner.websocket("/ws")(asynchronous)
    outer.include_router(inner, prefix="/outer")
    app, below = FastAPI(openapi_url=None), FastAPI(openapi_url=None)
    app.post("/items")(view)
    app.include_router(outer, prefix="/api")
    below.include_router(inner)
    app.mount("/below", below)
    assert shown(app) == [
        ("POST", "/items", "view"),
        ("GET", "/api/outer/inner/{key}", "view"),
        ("websocket", "/api/outer/inner/ws", "asynchronous"),
        ("GET", "/below/inner/{key}", "view"),
        ("websocket", "/below/inner/ws", "asynchronous"),
    ]
    found = routes_of(app)
    assert found is not None
    first = found[0][0]
    assert (first.file, first.line, first.name) == (__file__, LINE, "view")
    assert first.endpoint == f"{__name__}.view"


def test_flask_lists_its_rules_also_behind_its_debugger_and_a_dispatcher() -> None:
    """`--debug` puts a page around the app; Werkzeug's middlewares keep it."""
    need("flask")
    from flask import Flask
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
    from werkzeug.middleware.proxy_fix import ProxyFix

    app = Flask("shop", static_folder=None)
    app.add_url_rule("/cart/<int:key>", view_func=view, methods=["GET", "PUT"])
    rows = [("GET,PUT", "/cart/<int:key>", "view")]
    assert shown(app) == shown(ProxyFix(app)) == rows
    app.debug = True
    debugged = with_debugger(App("wsgi", app, "app")).call
    assert debugged is not app
    assert shown(debugged) == rows
    both = DispatcherMiddleware(app.wsgi_app, cast("Any", {"/sub": app, "/raw": view}))
    assert shown(both) == [("GET,PUT", "/sub/cart/<int:key>", "view"), ("mount", "/raw", "view"), *rows]


def test_quart_lists_its_rules() -> None:
    """With its WebSockets."""
    need("quart")
    from quart import Quart

    app = Quart("shop", static_folder=None)
    app.websocket("/ws")(asynchronous)
    app.get("/cart")(cast("Any", asynchronous))
    assert shown(app) == [("websocket", "/ws", "asynchronous"), ("GET", "/cart", "asynchronous")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_litestar_lists_its_routes() -> None:
    """A path that several functions answer names none of them."""
    need("litestar")
    from litestar import Litestar, Router, get, post, websocket

    @get("/a/{key:int}", sync_to_thread=False)
    def one(key: int) -> str:
        return ""

    @post("/a/{key:int}", sync_to_thread=False)
    def two(key: int) -> str:
        return ""

    @get("/b", sync_to_thread=False)
    def three() -> str:
        return ""

    @websocket("/ws")
    async def talk(socket: Any) -> None: ...

    app = Litestar([Router("/p", route_handlers=[one, two, three]), talk], openapi_config=None)
    assert sorted(shown(app)) == [
        ("GET", "/p/b", "three"),
        ("GET,POST", "/p/a/{key:int}", ""),
        ("websocket", "/ws", "talk"),
    ]


DJANGO = """
import django
from django.conf import settings
settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="a key for tests")
django.setup()
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.urls import include, path, re_path
from django.views import View
from devserver.worker.find.routes import routes_of
def view(request): ...
class Items(View):
    def get(self, request): ...
    def post(self, request): ...
urlpatterns = [
    path("", view, name="home"),
    path("items/", include([path("<int:key>/", Items.as_view())])),
    re_path(r"^old/(?P<key>[0-9]+)$", view),
]
async def consumer(scope, receive, send): ...
sockets = AllowedHostsOriginValidator(URLRouter([path("ws/<room>/", consumer)]))
both = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": sockets})
for app in (get_wsgi_application(), both):
    for route in routes_of(app)[0]:
        print(route.kind, ",".join(route.methods) or "*", route.path, route.name or "-", route.endpoint)
"""


def test_django_lists_its_patterns(tmp_path: Path) -> None:
    """Included ones at their whole path, methods of class-based views, Channels' WebSockets."""
    need("django", "channels")
    (tmp_path / "site_urls.py").write_text(DJANGO)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import site_urls"],
        capture_output=True,
        text=True,
        check=False,
    )
    http = [
        "http * / home site_urls.view",
        "http GET,POST /items/<int:key>/ - site_urls.Items",
        "http * /old/(?P<key>[0-9]+) - site_urls.view",
    ]
    sockets = ["websocket * /ws/<room>/ - site_urls.consumer"]
    assert done.stdout.splitlines() == [*http, *http, *sockets], done.stderr


def test_handlers_are_reported_by_name_and_place() -> None:
    """An app beside them comes first."""
    handlers = Handlers({"on_receive": Handler("on_receive", view, False)})
    row = Route(
        path="", kind="handler", name="on_receive", endpoint=f"{__name__}.view", file=__file__, line=LINE
    )
    assert read(Found(None, handlers)).routes == (row,)
    assert read(Found(App("asgi", asynchronous, "main"), handlers)).routes == (row,)


def test_an_app_that_lists_no_routes_is_reported() -> None:
    """A sentence for a function, for an object, and for attributes that raise."""

    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("not now")

    def note(call: Any) -> str:
        return read(Found(App("asgi", call, "app"), Handlers({}))).note

    assert note(asynchronous) == "app is a function and does not list its routes: read its code for them"
    kind = f"{SimpleNamespace.__module__}.SimpleNamespace"
    tail = "and does not list its routes: read its code for them"
    assert note(SimpleNamespace(routes={})) == f"app is of {kind} {tail}"
    assert note(SimpleNamespace(routes=["/a"])).endswith(tail)
    assert note(Odd()) == "the routes of app cannot be read: RuntimeError: not now"


def test_routes_are_bounded() -> None:
    """In number, in length, and where apps contain each other."""
    rows = [SimpleNamespace(path="/" + "x" * 9999, endpoint=view) for _ in range(MOST_ROUTES + 1)]
    told = read(Found(App("asgi", SimpleNamespace(routes=rows), "app"), Handlers({})))
    assert (len(told.routes), told.note) == (MOST_ROUTES, "only the first 2,000 routes")
    assert len(told.routes[0].path) == 500
    need("starlette")
    from starlette.routing import Mount, Router

    round_about = Router()
    round_about.routes.append(Mount("/again", round_about))
    assert routes_of(round_about) is not None
    wrapped = SimpleNamespace()
    wrapped.app = wrapped
    assert routes_of(wrapped) is None
