"""Asks an imported app for all its answers: of its routes, and of every function that can be called."""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

_ADDRESS = re.compile(r"0x[0-9a-f]+|line \d+")


def answers() -> dict[str, str]:
    """Return the answer of everything, by its name."""
    own = [name for name in sys.modules if name == "main" or name.startswith("shop")]
    found: dict[str, str] = {}
    for name in own:
        for what, function in _functions(sys.modules[name]):
            found[f"{name}.{what}"] = _call(function)
    found.update(_routes(sys.modules["main"]))
    return found


def _functions(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in list(vars(module).items()):
        if name.startswith("__"):
            continue
        if getattr(value, "__module__", "") != module.__name__ and not isinstance(value, dict | list):
            continue
        if isinstance(value, dict):
            yield from ((f"{name}[{key}]", each) for key, each in value.items() if callable(each))
        elif isinstance(value, list):
            yield from ((f"{name}[{at}]", each) for at, each in enumerate(value) if inspect.isfunction(each))
        elif isinstance(value, type):
            yield from _methods(name, value)
        elif callable(value):
            yield name, value


def _methods(name: str, kind: type) -> Iterator[tuple[str, Any]]:
    for method in [each for each in [*vars(kind), *vars(type(kind))] if not each.startswith("_")]:
        yield f"{name}.{method}", lambda method=method: _attribute(kind, method)


def _attribute(kind: Any, name: str) -> Any:
    try:
        made = kind()
    except Exception:
        made = next(iter(kind)) if hasattr(kind, "__iter__") else kind
    found = getattr(made, name, getattr(kind, name, None))
    return found() if callable(found) and not isinstance(found, type) else found


def _call(function: Any) -> str:
    try:
        answer = function()
        if inspect.iscoroutine(answer):
            answer = asyncio.run(answer)
        elif inspect.isgenerator(answer):
            answer = list(answer)
        elif callable(answer):
            answer = answer()
    except BaseException as error:
        answer = f"{type(error).__name__}: {error}"
    return _ADDRESS.sub("", repr(answer))


def _routes(main: Any) -> dict[str, str]:
    if hasattr(main, "urlpatterns"):
        paths, app = [f"/{each.pattern}" for each in main.urlpatterns], main.application
    elif hasattr(main, "app") and hasattr(main.app, "url_map"):
        client = main.app.test_client()
        rules = sorted(str(rule) for rule in main.app.url_map.iter_rules())
        return {rule: client.get(rule).text for rule in rules}
    elif hasattr(main, "app"):
        known = list(main.app.openapi()["paths"]) if hasattr(main.app, "openapi") else []
        every = getattr(main, "modules", ())
        every = every() if callable(every) else every
        tables = [getattr(each, "routes", ()) for each in every]
        paths, app = known or [path for table in tables for path in table], main.app
    else:
        return {}
    return {path: asyncio.run(_ask(app, path)) for path in sorted(paths)}


async def _ask(app: Any, path: str) -> str:
    said: list[str] = []
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        return asked.pop() if asked else await asyncio.sleep(60)

    async def send(message: Any) -> None:
        said.append(repr(message.get("body", message.get("status"))))

    headers = [(b"host", b"localhost")]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": headers,
        "query_string": b"",
    }
    scope |= {"http_version": "1.1", "scheme": "http", "root_path": "", "raw_path": path.encode()}
    scope |= {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "asgi": {"version": "3.0"}}
    try:
        await app(scope, receive, send)
    except Exception as error:
        said.append(_ADDRESS.sub("", repr(error)))
    return " ".join(said)
