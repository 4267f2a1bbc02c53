"""Distinguishes ASGI from WSGI apps by the class, the markers and the parameters of a callable.

Law: no code of the app is called for this.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from msgspec import Struct

from devserver.worker.find.handlers import is_asynchronous

Interface = Literal["asgi", "asgi2", "wsgi"]
"""`asgi` is called with scope, receive and send, `asgi2` with the scope and then with the other two."""

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_PARTS = ("Router", "Route", "Mount", "Host", "StaticFiles")
"""Endings of names of classes whose instances are called like an app, but are only parts of one."""


def interface_of(value: Any) -> Interface | None:
    """Return how to call `value` as an app; None: it is not one, or looks like any callable."""
    if not callable(value):
        return None
    if inspect.isclass(value):
        return _of_class(value)
    if _is_marked(value):
        return "asgi" if _takes(value, 3) else None
    shape = None if inspect.isasyncgenfunction(value) else _shape(value)
    if shape is None or shape.keywords:
        return None
    if shape.variadic and shape.required < 2:
        return _of_wrapped(value)
    if shape.required == 1:  # Tornado's apps and cloud functions take a request
        return None if shape.names[0].startswith("req") else "asgi2"
    kinds: dict[int, Interface] = {2: "wsgi", 3: "asgi"}
    return kinds.get(shape.required)


def is_app_object(value: Any) -> bool:
    """Return whether `value` is certainly an app, without regard to its name.

    An instance counts if its parameters have the standards' names and it is not a part of an app.
    """
    kind = type(value)
    if kind.__name__.endswith(_PARTS) and kind.__name__ != "ProtocolTypeRouter":
        return False
    # Look at the class only: a proxy such as flask.request raises for every attribute.
    shape = _shape(inspect.getattr_static(kind, "__call__", None))
    names = [name.lstrip("_") for name in shape.names[1:]] if shape else []
    wsgi = len(names) > 1 and names[0].startswith("env") and names[1].startswith("start")
    return (wsgi or names[:3] == ["scope", "receive", "send"]) and interface_of(value) is not None


def is_function(value: Any) -> bool:
    """Return whether `value` is a function, bare, bound, partial or decorated."""
    return (
        inspect.isroutine(value)
        or isinstance(value, functools.partial)
        or (inspect.isroutine(_innermost(value)) and not inspect.isclass(value))
    )


def parameters_needed(function: Any) -> tuple[str, ...]:
    """Return the required parameters of `function`; empty also if its signature is unknown."""
    shape = _shape(function, follow_wrapped=True)
    return (*shape.names[: shape.required], *shape.keywords) if shape else ()


def as_asgi(app: Callable[[Any], Any]) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Return an ASGI 3 app that calls this ASGI 2 app."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        instance = app(scope)
        if not callable(instance):
            raise TypeError(
                f"an app that takes one argument is called as an ASGI 2 app, app(scope)(receive, send), "
                f"but app(scope) gave an object of type {type(instance).__name__}"
            )
        await instance(receive, send)

    return asgi


class _Shape(Struct, frozen=True):
    """A signature: the positional parameters, how many of them are required, and the required keywords."""

    names: tuple[str, ...]
    required: int
    variadic: bool
    keywords: tuple[str, ...]


def _shape(function: Any, follow_wrapped: bool = False) -> _Shape | None:
    """Return the signature of a callable: its own, or that of the function that a decorator wraps."""
    try:
        parameters = inspect.signature(function, follow_wrapped=follow_wrapped).parameters.values()
    except (TypeError, ValueError):  # some C callables have no signature
        return None
    positional = [each for each in parameters if each.kind in _POSITIONAL]
    return _Shape(
        names=tuple(each.name for each in positional),
        required=sum(each.default is each.empty for each in positional),
        variadic=any(each.kind is each.VAR_POSITIONAL for each in parameters),
        keywords=tuple(
            each.name for each in parameters if each.kind is each.KEYWORD_ONLY and each.default is each.empty
        ),
    )


def _takes(function: Any, count: int) -> bool:
    """Return whether `function` can be called with `count` arguments, or its signature is unknown."""
    shape = _shape(function)
    if shape is None:
        return True
    return shape.required <= count and (shape.variadic or count <= len(shape.names)) and not shape.keywords


def _is_marked(function: Any) -> bool:
    # asgiref's markcoroutinefunction() sets the attribute before Python 3.12, and inspect knows it after.
    return is_asynchronous(function) or getattr(function, "_is_coroutine", None) is not None


def _of_class(kind: type) -> Interface | None:
    """Return how to call a class of which each request creates an instance."""
    shape = _shape(kind)
    if shape is None:
        return None
    if hasattr(kind, "__await__"):  # uvicorn's rule; Starlette's endpoints are such classes
        return "asgi" if _takes(kind, 3) else None
    if shape.required == 1 and inspect.iscoroutinefunction(call := getattr(kind, "__call__", None)):  # noqa: B004
        return "asgi2" if _takes(call, 3) else None  # self, receive, send
    return "wsgi" if shape.required == 2 and hasattr(kind, "__iter__") else None  # the example of PEP 3333


def _of_wrapped(function: Any) -> Interface | None:
    """Return how to call a callable of `*args`, by what it wraps; an object without that is a WSGI app."""
    inner = _innermost(function)
    if inner is function:
        return None if is_function(function) else "wsgi"
    if _is_marked(inner):
        return "asgi" if _takes(inner, 3) else None
    shape = _shape(inner)
    # One parameter: werkzeug's Request.application makes a WSGI app of a function that takes a request.
    kinds: dict[int, Interface] = {1: "wsgi", 2: "wsgi", 3: "asgi"}
    return kinds.get(shape.required) if shape else None


def _innermost(function: Any) -> Any:
    try:
        return inspect.unwrap(function)
    except ValueError:  # it wraps itself
        return function
