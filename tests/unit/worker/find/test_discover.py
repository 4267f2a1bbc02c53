"""Apps and native handlers side by side: which of a module's names are served."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from starlette.applications import Starlette

from devserver.common.failure import Failure
from devserver.common.framing import Lines, Raw
from devserver.worker.find.discover import Found, discover


def hook(server: object) -> None: ...


def on_receive(conn: object, data: object) -> None: ...


def on_connect(sid: object, environ: object) -> None:
    """As Socket.IO calls it."""


def module(**names: Any) -> ModuleType:
    """Return a module `app.py` that holds `names`."""
    made = ModuleType("app")
    made.__dict__.update(names, __file__="/project/app.py")
    return made


def found(*arguments: Any, **names: Any) -> Found:
    result = discover(module(**names), *arguments)
    assert isinstance(result, Found), result
    return result


def refused(*arguments: Any, **names: Any) -> str:
    result = discover(module(**names), *arguments)
    assert isinstance(result, Failure)
    return result.type


def test_both_are_served() -> None:
    """One module holds an app and handlers, found or named."""
    app = Starlette()
    for arguments in ((), ("app",)):
        both = found(*arguments, app=app, on_receive=on_receive, protocol=Lines())
        assert both.app is not None
        assert both.app.call is app
        assert (both.handlers.names, both.handlers.framing) == (("on_receive",), Lines())


def test_either_will_do() -> None:
    """Handlers need no app, and an app needs no handlers."""
    assert found(on_receive=on_receive).app is None
    assert found(app=Starlette()).handlers.names == ()


def test_a_factory_s_app_is_served_beside_handlers() -> None:
    """`--factory app.py:build` calls it."""
    both = found("build", True, build=Starlette, on_receive=on_receive)
    assert both.app is not None
    assert both.app.name == "build()"
    assert both.handlers.names == ("on_receive",)


def test_a_named_handler_is_served_alone() -> None:
    """`app.py:on_receive` asks for the handlers."""
    assert found("on_receive", on_receive=on_receive).app is None


def test_an_app_may_have_functions_of_the_same_names() -> None:
    """Beside an app on_connect is Socket.IO's or MQTT's, and protocol a string of its own."""
    beside = found(app=Starlette(), on_connect=on_connect, on_worker_start=hook, protocol="https")
    assert beside.handlers.names == ("on_worker_start",)
    assert beside.handlers.framing == Raw()


@pytest.mark.parametrize(
    ("arguments", "names", "kind"),
    [
        ((), {}, "NoHandlers"),
        ((), {"app": 3}, "NotAnApp"),
        (("shop",), {"on_receive": on_receive}, "AttributeMissing"),
        (("shop",), {"on_receive": on_receive, "shop": 3}, "NotAnApp"),
        ((), {"on_connect": on_connect}, "HandlerUnusable"),
        ((), {"on_connect": on_connect, "on_receive": on_receive, "app": Starlette()}, "HandlerUnusable"),
        ((), {"on_receive": on_receive, "protocol": "lines", "app": Starlette()}, "ProtocolUnusable"),
        ((), {"on_worker_start": on_receive, "app": Starlette()}, "HandlerUnusable"),
    ],
)
def test_what_is_wrong_is_reported(arguments: tuple[str, ...], names: dict[str, Any], kind: str) -> None:
    """A fault of the handlers counts beside an app too, and one of the app beside handlers."""
    assert refused(*arguments, **names) == kind
