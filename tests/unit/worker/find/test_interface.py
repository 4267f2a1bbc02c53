"""ASGI or WSGI: told for the objects of every framework and for callables of every kind, without a call."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.frameworks import need

need("channels", "django", "fastapi", "flask", "litestar", "quart", "werkzeug")

import fastapi
import flask
import litestar
import pytest
import quart
from a2wsgi import ASGIMiddleware, WSGIMiddleware
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Router
from werkzeug.wrappers import Request, Response

from devserver.worker.find.interface import (
    as_asgi,
    interface_of,
    is_app_object,
    is_function,
    parameters_needed,
)

DjangoASGI: Any = import_module("django.core.handlers.asgi").ASGIHandler
DjangoWSGI: Any = import_module("django.core.handlers.wsgi").WSGIHandler
ProtocolTypeRouter: Any = import_module("channels.routing").ProtocolTypeRouter
WebsocketConsumer: Any = import_module("channels.generic.websocket").WebsocketConsumer


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


def passed_on(scope: Any, receive: Any, send: Any) -> Any:
    return asgi(scope, receive, send)


def asgi2(scope: Any) -> Any: ...


def wsgi(environ: Any, start_response: Any) -> Any: ...


def streamed(environ: Any, start_response: Any) -> Any:
    yield b""


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


def to_wsgi(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make WSGI of ASGI, and say truly what was wrapped."""

    @functools.wraps(function)
    def inner(environ: Any, start_response: Any) -> Any: ...

    return inner


def marked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a plain function as asgiref does."""
    mark = getattr(inspect, "markcoroutinefunction", None)
    if mark:
        return mark(function)  # type: ignore[no-any-return]
    function._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
    return function


@marked
def hidden(*args: Any) -> Any: ...


class Async:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    async def method(self, scope: Any, receive: Any, send: Any) -> None: ...


class Sync:
    def __call__(self, env: Any, start_response: Any) -> Any: ...

    def passing(self, scope: Any, receive: Any, send: Any) -> Any: ...


class Anything:
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


class TwoCalls:
    """An ASGI 2 app that is a class."""

    def __init__(self, scope: Any) -> None: ...

    async def __call__(self, receive: Any, send: Any) -> None: ...


class Iterated:
    """The example of PEP 3333."""

    def __init__(self, environ: Any, start_response: Any) -> None: ...

    def __iter__(self) -> Any: ...


@Request.application
def answer(request: Request) -> Response:
    return Response("hello")


@pytest.mark.parametrize(
    "app",
    [
        fastapi.FastAPI(),
        Starlette(),
        CORSMiddleware(Starlette()),
        litestar.Litestar(),
        quart.Quart("app"),
        DjangoASGI.__new__(DjangoASGI),
        ProtocolTypeRouter({}),
        WebsocketConsumer.as_asgi(),
        WSGIMiddleware(wsgi),
        HTTPEndpoint,
        asgi,
        passed_on,
        functools.partial(asgi),
        functools.partial(Async()),
        decorated(asgi),
        decorated(decorated(passed_on)),
        hidden,
        Async(),
        Async().method,
        Sync().passing,
    ],
)
def test_asgi_is_known(app: Any) -> None:
    """Whatever is awaited with scope, receive and send, marked as async or not."""
    assert interface_of(app) == "asgi"


@pytest.mark.parametrize(
    "app",
    [
        flask.Flask("app"),
        DjangoWSGI.__new__(DjangoWSGI),
        ASGIMiddleware(asgi),
        answer,
        wsgi,
        streamed,
        functools.partial(wsgi),
        functools.partial(passed_on, None),
        decorated(wsgi),
        to_wsgi(asgi),
        Sync(),
        Sync().__call__,
        Anything(),
        Iterated,
    ],
)
def test_wsgi_is_known(app: Any) -> None:
    """Whatever takes environ and start_response, and objects that take anything."""
    assert interface_of(app) == "wsgi"


@pytest.mark.parametrize("app", [asgi2, TwoCalls, functools.partial(wsgi, None)])
def test_asgi_of_two_calls_is_known(app: Any) -> None:
    """Whatever takes the scope alone is called as ASGI 2 has it."""
    assert interface_of(app) == "asgi2"


async def asgi_generator(scope: Any, receive: Any, send: Any) -> Any:
    yield


async def too_few(scope: Any) -> None: ...


def keyword(environ: Any, start_response: Any, *, debug: bool) -> None: ...


def variadic(*args: Any) -> None: ...


def of_request(request: Any) -> None: ...


class Application:
    """As aiohttp's and Tornado's: callable, and no app."""

    def __call__(self) -> Any: ...


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        object(),
        fastapi.FastAPI,
        flask.Flask,
        quart.Quart,
        litestar.Litestar,
        DjangoWSGI,
        Async,
        Application(),
        asgi_generator,
        too_few,
        decorated(too_few),
        keyword,
        variadic,
        of_request,
        lambda: None,
        lambda a, b, c, d: None,
        print,
    ],
)
def test_others_are_no_apps(value: Any) -> None:
    """A class that was not called, and callables that take something else."""
    assert interface_of(value) is None


@pytest.mark.parametrize(
    "value", [fastapi.FastAPI(), flask.Flask("a"), quart.Quart("a"), litestar.Litestar(), Async(), Sync()]
)
def test_an_app_is_known_beyond_doubt(value: Any) -> None:
    """An instance whose call has the parameters of the standards."""
    assert is_app_object(value)


def test_what_may_be_something_else_is_not() -> None:
    """Routers, functions, classes, modules and proxies are no app just for lying in a module."""
    proxies = (flask.request, flask.current_app)  # they raise for most questions
    for value in (Router(), fastapi.APIRouter(), Anything(), asgi, fastapi.FastAPI, flask, *proxies):
        assert not is_app_object(value)


def test_functions_and_what_they_need_are_known() -> None:
    """Only functions are taken as factories unasked, and only those that can be called as they are."""
    assert all(map(is_function, (asgi, functools.partial(asgi), decorated(asgi), Async().method, print)))
    assert is_function(functools.cache(asgi2))
    assert not any(map(is_function, (Async(), Async, fastapi.FastAPI(), flask.Flask("app"))))
    assert parameters_needed(functools.cache(asgi2)) == ("scope",)
    assert parameters_needed(decorated(keyword)) == ("environ", "start_response", "debug")
    assert parameters_needed(Async) == ()


def test_an_app_of_two_calls_is_adapted() -> None:
    """It is called with the scope, and what that gives with receive and send."""
    seen: list[Any] = []

    class App:
        def __init__(self, scope: Any) -> None:
            seen.append(scope)

        async def __call__(self, receive: Any, send: Any) -> None:
            seen.extend((receive, send))

    asyncio.run(_call(as_asgi(App)))
    assert seen == [1, 2, 3]


def test_an_app_that_does_not_answer_to_two_calls_is_reported() -> None:
    """A function of one argument that is something else explains itself when it is called."""
    with pytest.raises(TypeError, match=r"app\(scope\) gave an object of type str"):
        asyncio.run(_call(as_asgi(lambda scope: "hello")))


async def _call(app: Callable[..., Any]) -> None:
    await app(1, 2, 3)
