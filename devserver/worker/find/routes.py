"""Reads an app's routes: of Starlette, FastAPI, Litestar, Flask, Quart and Django, mounted apps included.

Law: it calls no view and imports no framework. Exceptions of the app's own attributes pass through.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from types import ModuleType
from typing import Any, Literal

from devserver.ipc.messages import Route
from devserver.worker.find.handlers import Handlers

MOST_ROUTES = 2000
LONGEST = 500
"""Characters of a path or a name."""
DEEPEST = 16
"""Levels of apps in apps, and of middlewares around one app."""
_INNER = ("__wrapped__", "app", "application", "other_asgi_app", "inner", "__self__")
"""Attributes in which middlewares keep the app that they wrap."""
_IMPLIED = {"HEAD", "OPTIONS"}
"""Methods that frameworks add by themselves."""

Kind = Literal["http", "websocket", "mount", "handler"]
Routes = Iterator[Route]


def routes_of(app: Any) -> tuple[tuple[Route, ...], bool] | None:
    """Return at most MOST_ROUTES routes of `app`, and whether there are more; None if it lists none."""
    found = _read(app, "", 0)
    if found is None:
        return None
    first = tuple(islice(found, MOST_ROUTES + 1))
    return first[:MOST_ROUTES], len(first) > MOST_ROUTES


def route_lists(app: Any, depth: int = 0) -> Iterator[Sequence[Any]]:
    """Yield the routes of a Starlette or FastAPI app, then those of apps that it mounts."""
    for layer in _layers(app) if depth < DEEPEST else ():
        routes = getattr(layer, "routes", None)
        if isinstance(routes, list | tuple):
            yield routes
            for route in routes:
                if "Mount" in _kinds(route):
                    yield from route_lists(route.app, depth + 1)
            return


def handler_routes(handlers: Handlers) -> tuple[Route, ...]:
    """Return the functions that the server calls for connections, and at a Worker's start and stop."""
    return tuple(_route("", handler.call, "handler", name) for name, handler in handlers.found.items())


def _read(app: Any, prefix: str, depth: int) -> Routes | None:
    for layer in _layers(app) if depth < DEEPEST else ():
        for reader in (_protocols, _django, _rules, _dispatched, _listed):
            found = reader(layer, prefix, depth)
            if found is not None:
                return found
    return None


def _layers(app: Any) -> Iterator[Any]:
    """Yield the app, then what it wraps."""
    for _ in range(DEEPEST):
        yield app
        inner = (getattr(app, name, None) for name in _INNER)
        app = next((each for each in inner if callable(each) or hasattr(each, "routes")), None)
        if app is None or isinstance(app, ModuleType):
            return


def _route(path: str, view: Any, kind: Kind, name: Any = "", methods: Iterable[str] = ()) -> Route:
    function = view.func if isinstance(view, partial) else view
    function = inspect.unwrap(function) if callable(function) else function
    code = getattr(function, "__code__", None)
    known = function if hasattr(function, "__qualname__") else type(function)
    verbs = {str(each).upper() for each in methods}
    return Route(
        path=path[:LONGEST],
        kind=kind,
        methods=tuple(sorted(verbs - _IMPLIED or verbs)),
        name=str(name or "")[:LONGEST],
        endpoint="" if view is None else f"{known.__module__}.{known.__qualname__}"[:LONGEST],
        file=code.co_filename if code else "",
        line=code.co_firstlineno if code else 0,
    )


# Starlette, FastAPI, Litestar


def _listed(app: Any, prefix: str, depth: int) -> Routes | None:
    routes = getattr(app, "routes", None)
    if not isinstance(routes, list | tuple) or isinstance(app, type):
        return None
    known = (each for each in routes if isinstance(getattr(each, "path", None), str) or _is_like_one(each))
    return None if routes and next(known, None) is None else _each_listed(tuple(routes), prefix, depth)


def _is_like_one(route: Any) -> bool:
    """Return whether it may be a route without a path: Channels', a host's, an included router."""
    return hasattr(route, "pattern") or hasattr(route, "host") or hasattr(route, "original_router")


def _each_listed(routes: tuple[Any, ...], prefix: str, depth: int) -> Routes:
    for route in _with_contexts(routes):
        kinds = _kinds(route)
        path = prefix + str(getattr(route, "path", None) or "")
        if hasattr(route, "pattern"):  # Channels
            yield from _patterns([route], f"{prefix}/", "websocket", depth)
        elif "Host" in kinds:
            yield from _mounted(route, f"//{getattr(route, 'host', '')}{prefix}", depth)
        elif "Mount" in kinds:
            yield from _mounted(route, path.rstrip("/"), depth)
        elif getattr(route, "path", None) is not None:
            of_websocket = any("WebSocketRoute" in each for each in kinds)
            yield _route(
                path or "/",
                _endpoint(route),
                "websocket" if of_websocket else "http",
                getattr(route, "name", ""),
                getattr(route, "methods", None) or () if not of_websocket else (),
            )


def _with_contexts(routes: tuple[Any, ...]) -> Iterator[Any]:
    """Yield the routes; those of a router that FastAPI includes lazily one by one, at their whole path."""
    contexts = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    base = getattr(sys.modules.get("starlette.routing"), "BaseRoute", ())
    for route in routes:
        if contexts is not None and isinstance(route, base):
            yield from contexts([route])
        else:
            yield route


def _kinds(route: Any) -> set[str]:
    """Return the names of a route's class and its bases."""
    return {base.__name__ for base in type(getattr(route, "original_route", route)).__mro__}


def _endpoint(route: Any) -> Any:
    """Return the view of a route, None if it has several, one for each method."""
    if (view := getattr(route, "endpoint", None)) is not None:
        return view
    handlers = getattr(route, "route_handlers", None) or [getattr(route, "route_handler", None)]
    views = {id(view): view for each in handlers if (view := _own_view(each)) is not None}
    return next(iter(views.values())) if len(views) == 1 else None


def _own_view(handler: Any) -> Any:
    """Return the function of a Litestar handler, None for the one that Litestar adds for OPTIONS."""
    methods = getattr(handler, "http_methods", None) or getattr(handler, "methods", None) or ()
    return None if {str(each) for each in methods} == {"OPTIONS"} else getattr(handler, "fn", None)


def _mounted(mount: Any, prefix: str, depth: int) -> Routes:
    app = getattr(mount, "app", None)
    routes = getattr(mount, "routes", None)
    found = _each_listed(tuple(routes), prefix, depth + 1) if routes and depth < DEEPEST else None
    found = found or _read(app, prefix, depth + 1)
    if found is None:
        yield _route(prefix or "/", app, "mount", getattr(mount, "name", ""))
    else:
        yield from found


# Flask, Quart, and Werkzeug's dispatcher


def _rules(app: Any, prefix: str, depth: int) -> Routes | None:
    rules = getattr(getattr(app, "url_map", None), "iter_rules", None)
    if not callable(rules):
        return None
    views = getattr(app, "view_functions", {})
    return (
        _route(
            prefix + str(rule.rule),
            views.get(rule.endpoint),
            "websocket" if getattr(rule, "websocket", False) else "http",
            rule.endpoint,
            () if getattr(rule, "websocket", False) else rule.methods or (),
        )
        for rule in tuple(rules())
    )


def _dispatched(app: Any, prefix: str, depth: int) -> Routes | None:
    mounts = getattr(app, "mounts", None)
    if not isinstance(mounts, dict) or not hasattr(app, "app"):
        return None
    return _each_dispatched({**mounts, "": app.app}, prefix, depth)


def _each_dispatched(mounts: dict[str, Any], prefix: str, depth: int) -> Routes:
    for path, inner in mounts.items():
        found = _read(inner, prefix + path, depth + 1)
        yield from (_route(prefix + path or "/", inner, "mount"),) if found is None else found


# Django and Channels


def _protocols(app: Any, prefix: str, depth: int) -> Routes | None:
    mapping = getattr(app, "application_mapping", None)
    if not isinstance(mapping, dict):
        return None
    found = [_read(inner, prefix, depth + 1) for inner in mapping.values()]
    return (route for routes in found if routes is not None for route in routes)


def _django(app: Any, prefix: str, depth: int) -> Routes | None:
    base, urls = sys.modules.get("django.core.handlers.base"), sys.modules.get("django.urls")
    if base is None or urls is None or not isinstance(app, base.BaseHandler):
        return None
    return _patterns(urls.get_resolver().url_patterns, f"{prefix}/", "http", depth)


def _patterns(patterns: Iterable[Any], prefix: str, kind: Kind, depth: int) -> Routes:
    for pattern in patterns:
        path = prefix + str(pattern.pattern).removeprefix("^")
        inner = getattr(pattern, "url_patterns", None)
        if inner is None:
            view = pattern.callback
            shown = getattr(view, "view_class", None) or getattr(view, "cls", None) or view
            yield _route(path.removesuffix("$"), shown, kind, pattern.name, _methods(view))
        elif depth < DEEPEST:
            yield from _patterns(inner, path, kind, depth + 1)


def _methods(view: Any) -> list[str]:
    """Return the methods that a class-based view answers; Django does not know those of a function."""
    if actions := getattr(view, "actions", None):  # a view set of Django REST framework
        return list(actions)
    of_class = getattr(view, "view_class", None) or getattr(view, "cls", None)
    return [name for name in getattr(of_class, "http_method_names", ()) if hasattr(of_class, name)]
