"""Routes that are built before start-up are those that the first request would have built."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from devserver.worker.find.built_routes import BuiltRoutes
from tests.frameworks import need

need("fastapi")

import fastapi.routing
from fastapi import APIRouter, Depends, FastAPI, HTTPException

Build = list[str]


class Parts:
    """An app that mounts another, which includes a router that includes a third."""

    def __init__(self) -> None:
        self.built: Build = []
        built = self.built

        class Route(fastapi.routing.APIRoute):
            def get_route_handler(self) -> Any:
                built.append(self.path)
                return super().get_route_handler()

        self.leaf = APIRouter(route_class=Route)
        self.leaf.add_api_route("/a", lambda: "a")
        self.leaf.add_api_route("/b", lambda: "b")
        branch = APIRouter()
        branch.include_router(self.leaf, prefix="/leaf")
        self.app = FastAPI()
        self.app.include_router(branch, prefix="/branch")
        self.outer = FastAPI()
        self.outer.mount("/app", self.app)
        built.clear()

    def statuses(self) -> list[int]:
        """Return how each route answers."""
        return [asyncio.run(status(self.outer, f"/app/branch/leaf/{name}")) for name in "ab"]


async def status(app: Any, path: str) -> int:
    """Return the status of the app's answer to a GET."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"x")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return int(sent[0]["status"])


def test_they_are_built_once() -> None:
    """The first request finds them."""
    parts = Parts()
    if not hasattr(fastapi.routing, "iter_route_contexts"):
        pytest.skip("this FastAPI builds them when they are included")
    built = BuiltRoutes(parts.outer)
    before = len(parts.built)
    assert before
    built.renew()
    assert parts.statuses() == [200, 200]
    assert len(parts.built) == before


def deny() -> None:
    raise HTTPException(401)


def removes(parts: Parts) -> None:
    del parts.leaf.routes[1]


def protects(parts: Parts) -> None:
    route: Any = parts.leaf.routes[0]
    route.dependencies.append(Depends(deny))


def adds(parts: Parts) -> None:
    parts.leaf.add_api_route("/c", lambda: "c")


STARTS: dict[str, tuple[Callable[[Parts], None], list[int]]] = {
    "a route is removed": (removes, [200, 404]),
    "a route gets a dependency": (protects, [401, 200]),
    "a route is added": (adds, [200, 200]),
}


@pytest.mark.parametrize(("start", "statuses"), STARTS.values(), ids=STARTS)
def test_what_start_up_changes_holds(start: Callable[[Parts], None], statuses: list[int]) -> None:
    """They are built again."""
    parts = Parts()
    built = BuiltRoutes(parts.outer)
    start(parts)
    built.renew()
    assert parts.statuses() == statuses


def test_a_library_that_start_up_patches_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentry's integration replaces a function of FastAPI's."""
    parts = Parts()
    built = BuiltRoutes(parts.outer)
    original, patched = fastapi.routing.get_request_handler, []

    def get_request_handler(*arguments: Any, **options: Any) -> Any:
        patched.append(options)
        return original(*arguments, **options)

    monkeypatch.setattr(fastapi.routing, "get_request_handler", get_request_handler)
    built.renew()
    assert parts.statuses() == [200, 200]
    assert patched


def test_an_app_whose_routes_cannot_be_built_is_left_to_its_requests() -> None:
    """The request reports it."""
    parts = Parts()

    def fails() -> Any:
        raise RuntimeError

    vars(parts.leaf.routes[0])["get_route_handler"] = fails
    BuiltRoutes(parts.outer).renew()
    with pytest.raises(RuntimeError):
        parts.statuses()


class Lazy:
    """An app that is not to be asked for anything but a request."""

    @property
    def routes(self) -> Any:
        raise RuntimeError

    def __call__(self, scope: Any) -> None: ...


def test_an_app_that_cannot_be_asked_for_its_routes_starts_all_the_same() -> None:
    """Its own attribute raises."""
    BuiltRoutes(Lazy()).renew()


def test_other_apps_have_nothing_to_build() -> None:
    """Nor is anything of theirs touched."""
    BuiltRoutes(lambda scope: None).renew()
