"""Which functions of a module are handlers, and what is reported about those that cannot be."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import pytest

from devserver.common.failure import Failure
from devserver.common.framing import Lines, Raw
from devserver.worker.find.handlers import Handlers, handlers_of


def module(**names: Any) -> ModuleType:
    """Return a module `app.py` that holds `names`."""
    made = ModuleType("app")
    made.__dict__.update(names, __file__="/project/app.py")
    return made


def found(**names: Any) -> Handlers:
    handlers = handlers_of(module(**names))
    assert isinstance(handlers, Handlers), handlers
    return handlers


def refused(**names: Any) -> Failure:
    failure = handlers_of(module(**names))
    assert isinstance(failure, Failure)
    return failure


def sync(conn: object, data: object = None) -> None: ...


async def coroutine(conn: object, data: object = None) -> None: ...


class Called:
    async def __call__(self, conn: object, data: object) -> None: ...

    async def method(self, conn: object) -> None: ...


def test_handlers_are_found_by_their_names() -> None:
    """The five names count, in the order of a connection's life; other functions do not."""
    handlers = found(on_close=sync, on_receive=sync, helper=sync, on_message=sync)
    assert handlers.names == ("on_receive", "on_close")
    assert handlers.framing == Raw()
    receive = handlers.of("receive")
    assert receive is not None
    assert receive.call is sync
    assert handlers.of("connect") is None


@pytest.mark.parametrize(
    "function",
    [coroutine, functools.partial(coroutine), Called(), functools.partial(Called()), Called().method],
)
def test_async_callables_of_every_kind_are_known(function: Any) -> None:
    """Coroutine functions, partials, objects and methods whose call is async run without bound."""
    name = "on_connect" if getattr(function, "__name__", "") == "method" else "on_receive"
    handlers = found(**{name: function})
    assert handlers.found[name].asynchronous
    assert handlers.capacity == 0


def test_one_sync_handler_bounds_the_worker() -> None:
    """A Worker with a sync handler gets one unit at a time; start and stop hooks do not count."""
    assert found(on_receive=coroutine, on_close=sync).capacity == 1
    assert found(on_receive=coroutine, on_worker_start=sync).capacity == 0
    assert found(on_receive=functools.partial(sync)).capacity == 1


def test_the_protocol_is_the_module_s() -> None:
    """`protocol` shows how frames are cut."""
    assert found(on_receive=sync, protocol=Lines(maximum=7)).framing == Lines(maximum=7)


def too_few(conn: object) -> None: ...


def too_many(conn: object, data: object, more: object) -> None: ...


def generator(conn: object, data: object) -> Any:
    yield


async def async_generator(conn: object, data: object) -> Any:
    yield


@pytest.mark.parametrize(
    ("names", "kind", "message"),
    [
        (
            {"on_receive": 3},
            "HandlerUnusable",
            "on_receive must be a function, on_receive(conn, data), not of type int",
        ),
        (
            {"on_receive": too_few},
            "HandlerUnusable",
            "on_receive is called as on_receive(conn, data), but it is defined as on_receive(conn: 'object')",
        ),
        ({"on_receive": too_many}, "HandlerUnusable", "on_receive is called as on_receive(conn, data), but"),
        ({"on_receive": generator}, "HandlerUnusable", "on_receive must not yield"),
        ({"on_receive": async_generator}, "HandlerUnusable", "on_receive must not yield"),
        (
            {"on_receive": sync, "protocol": Lines},
            "ProtocolUnusable",
            "protocol in app.py is the class Lines: write",
        ),
        ({"on_receive": sync, "protocol": "lines"}, "ProtocolUnusable", "Raw(), not of type str"),
    ],
)
def test_what_cannot_be_called_is_refused(names: dict[str, Any], kind: str, message: str) -> None:
    """One sentence names what is wrong, before any unit runs."""
    failure = refused(**names)
    assert (failure.phase, failure.type) == ("import", kind)
    assert message in failure.message


def test_a_wrong_handler_is_shown_where_it_is() -> None:
    """The place of the failure is the function's, not the module's first line."""
    place = refused(on_receive=too_few).place
    assert place is not None
    assert place.path == __file__
    assert "def too_few" in place.excerpt


def test_a_module_without_handlers_may_have_something_else() -> None:
    """No handlers are no fault by themselves: the module may have an app."""
    handlers = handlers_of(module(protocol="https"))
    assert isinstance(handlers, Handlers)
    assert (handlers.names, handlers.framing) == ((), Raw())


@pytest.mark.parametrize("name", ["on_connect", "on_close"])
def test_beside_an_app_only_on_receive_makes_handlers(name: str) -> None:
    """Socket.IO's on_connect(sid, environ) is no handler, unless data is handled too."""
    beside = handlers_of(module(**{name: too_many}), beside_app=True)
    assert isinstance(beside, Handlers)
    assert beside.names == ()
    assert isinstance(handlers_of(module(on_receive=sync, **{name: too_many}), beside_app=True), Failure)
