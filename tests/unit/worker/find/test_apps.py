"""Which object of a module is its app, and what is reported about one that cannot be served."""

from __future__ import annotations

import functools
import linecache
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

from tests.frameworks import need

need("fastapi", "flask")

import fastapi
import flask
import pytest
from starlette.applications import Starlette

from devserver.common.failure import Failure
from devserver.worker.find.apps import App, find_app, with_debugger


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


def wsgi(environ: Any, start_response: Any) -> Any: ...


def on_receive(conn: Any, data: Any) -> None: ...


def needy(config: Any, *, name: str) -> Any: ...


async def later() -> Any:
    return asgi


def nothing() -> None: ...


def api() -> fastapi.FastAPI:
    return fastapi.FastAPI()


def module(**names: Any) -> ModuleType:
    """Return a module `main.py` that holds `names`."""
    made = ModuleType("main")
    made.__dict__.update(names, __file__="/project/main.py")
    return made


def found(attribute: str = "", factory: bool = False, handlers: bool = False, **names: Any) -> App:
    app = find_app(module(**names), attribute, factory, handlers=handlers)
    assert isinstance(app, App), app
    return app


def refused(attribute: str = "", factory: bool = False, handlers: bool = False, **names: Any) -> Failure:
    failure = find_app(module(**names), attribute, factory, handlers=handlers)
    assert isinstance(failure, Failure)
    assert failure.phase == "import"
    assert "\n" not in failure.message
    return failure


def test_the_usual_names_are_found_in_order() -> None:
    """app goes before application, both before a factory, and that before an app of another name."""
    other = Starlette()
    names: dict[str, Any] = {
        "app": asgi,
        "application": wsgi,
        "create_app": api,
        "make_app": api,
        "api": other,
    }
    seen = []
    while names:
        seen.append(found(**names).name)
        del names[seen[-1].removesuffix("()")]
    assert seen == ["app", "application", "create_app()", "make_app()", "api"]


def test_the_kind_is_reported() -> None:
    """Flask's app is WSGI, FastAPI's is ASGI, and what is called is the object itself."""
    app = flask.Flask("app")
    assert found(app=app) == App("wsgi", app, "app")
    assert found(app=asgi) == App("asgi", asgi, "app")


def test_a_named_attribute_is_the_app() -> None:
    """A dotted name leads into what lies in the module, whatever else is there."""

    class Shop:
        api = Starlette()

    assert found("shop.api", shop=Shop, app=wsgi) == App("asgi", Shop.api, "shop.api")


def test_an_app_of_two_calls_is_served_as_asgi() -> None:
    """ASGI 2 is adapted."""

    def app(scope: Any) -> Any: ...

    assert found(app=app).kind == "asgi"
    assert found(app=app).call is not app


@pytest.mark.parametrize("factory", [True, False])
@pytest.mark.parametrize(
    "make", [api, functools.partial(api), functools.cache(api), lambda debug=False: wsgi]
)
def test_a_factory_is_called(make: Any, factory: bool) -> None:
    """With --factory, and for a plain function without arguments also unasked, as uvicorn does."""
    assert found("build", factory, build=make).name == "build()"


def test_a_class_is_a_factory_only_when_asked() -> None:
    """`--factory main:Shop` makes an instance; without it a forgotten pair of parentheses is likelier."""
    assert isinstance(found("Shop", True, Shop=Starlette).call, Starlette)
    assert refused("Shop", Shop=Starlette).type == "NotAnApp"


def test_factory_without_a_name_takes_the_usual_ones() -> None:
    """`devserver --factory main.py` calls create_app rather than take app."""
    assert found(factory=True, create_app=api, app=asgi).name == "create_app()"
    assert found(factory=True, app=api).name == "app()"
    assert refused(factory=True, handlers=True).message == (
        "main.py has no factory, create_app or make_app: define one, or name it in the target"
    )


def test_what_a_factory_raises_goes_through() -> None:
    """Its TypeError too: the traceback of the app's code is what helps."""

    def create_app() -> Any:
        raise TypeError("inside")

    with pytest.raises(TypeError, match="inside"):
        find_app(module(create_app=create_app), "", False, handlers=False)


def test_an_app_under_any_name_is_found_if_it_is_the_only_one() -> None:
    """`service = FastAPI()` needs no name in the target; two names of one object are one app."""
    service = fastapi.FastAPI()
    router = fastapi.APIRouter()
    others: dict[str, Any] = {
        "router": router,
        "_private": Starlette(),
        "Starlette": Starlette,
        "handler": asgi,
        "fast": fastapi,
    }
    assert found(service=service, alias=service, **others) == App("asgi", service, "service")
    assert refused(**others).type == "NoHandlers"


@pytest.mark.parametrize("handlers", [True, False])
def test_of_several_apps_one_has_to_be_named(handlers: bool) -> None:
    """No app is chosen at random, and no app is left out silently."""
    failure = refused(handlers=handlers, shop=Starlette(), admin=Starlette(), docs=Starlette())
    assert (failure.type, failure.message) == (
        "AppAmbiguous",
        "main.py has several apps, shop, admin and docs: name one in the target, or call it app",
    )


def test_a_module_called_app_is_not_in_the_way() -> None:
    """`import app.models` binds the name `app`, and means no app."""
    assert found(app=ModuleType("app"), application=asgi).name == "application"


def test_a_wrong_app_is_not_in_the_way_of_a_right_one() -> None:
    """`app = typer.Typer()` beside `application` is another kind of app."""
    assert found(app=object(), application=asgi).name == "application"
    assert found(app=object(), service=Starlette()).name == "service"


@pytest.mark.parametrize("names", [{}, {"app": 3}, {"app": fastapi.FastAPI}, {"create_app": needy}])
def test_native_handlers_need_no_app(names: dict[str, Any]) -> None:
    """A module of handlers may call anything `app`."""
    assert find_app(module(**names), "", False, handlers=True) is None


def test_a_named_handler_means_the_handlers() -> None:
    """`handlers.py:on_receive` names no app: its two arguments are not environ and start_response."""
    names = module(on_receive=on_receive, app=asgi)
    assert find_app(names, "on_receive", False, handlers=True) is None


@pytest.mark.parametrize(
    ("arguments", "names", "message"),
    [
        (("",), {"app": fastapi.FastAPI}, "app in main.py is the class FastAPI, and not an instance: "),
        (("",), {"app": fastapi.FastAPI}, "write app = FastAPI(…)"),
        (("FastAPI",), {"FastAPI": fastapi.FastAPI}, "write app = FastAPI(…)"),
        (
            ("",),
            {"app": {}},
            "app in main.py is an object of type dict, neither an ASGI app (scope, receive, send) nor",
        ),
        (("main",), {"main": needy}, "main in main.py is a function of (config, name), neither"),
        (
            ("main", True),
            {"main": needy},
            "is called without arguments, but needs config, name: give them defaults",
        ),
        (("",), {"create_app": needy}, "create_app in main.py is called without arguments, but needs config"),
        (
            ("main", True),
            {"main": Starlette()},
            "main in main.py is an app, not a factory: leave out --factory",
        ),
        (("main", True), {"main": 3}, "main in main.py is an object of type int"),
        (("main",), {"main": later}, "main in main.py is async, but a factory must be a plain function"),
        (("main",), {"main": nothing}, "main in main.py returned None: return the app"),
        (("main",), {"main": module}, "main in main.py returned an object of type module, neither"),
        (("main",), {"main": lambda: Starlette}, "returned the class Starlette, neither"),
        (
            ("main",),
            {"main": ModuleType("shop.main")},
            "is a module: name the app in it, as in shop.main:app",
        ),
    ],
)
def test_what_is_no_app_is_refused(arguments: Any, names: dict[str, Any], message: str) -> None:
    """One sentence shows what was found, where, and what would do."""
    failure = refused(*arguments, **names)
    assert failure.type == "NotAnApp"
    assert message in failure.message


def test_a_missing_attribute_is_refused() -> None:
    """The target names what is not there, though the module has an app or handlers."""
    failure = refused("shop.api", handlers=True, app=asgi, shop=object())
    assert (failure.type, failure.message) == (
        "AttributeMissing",
        "main.py has no 'shop.api': define it, or name another attribute",
    )


@pytest.mark.parametrize(
    ("attribute", "hint"),
    [
        ("ap", "did you mean 'app'?"),
        ("shop.ap", "did you mean 'shop.api'?"),
        ("quite_another", "it has shop"),
    ],
)
def test_what_there_is_instead_of_a_missing_attribute_is_named(attribute: str, hint: str) -> None:
    """The nearest name, in the module or in what it leads to; else what is made in the module."""
    shop = SimpleNamespace(api=asgi)
    failure = refused(attribute, app=asgi, shop=shop, sys=sys, _own=1)
    assert failure.message == f"main.py has no {attribute!r}: {hint}"


def test_an_empty_module_is_refused() -> None:
    """The sentence says all that was looked for."""
    failure = refused()
    assert failure.type == "NoHandlers"
    assert failure.message == (
        "main.py has no app (app, application, create_app, make_app) and none of on_worker_start, "
        "on_connect, on_receive, on_close, on_worker_stop: write app = … for HTTP, or define "
        "on_receive(conn, data) for TCP"
    )


def test_a_wrong_app_is_shown_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The place is the assignment's, or the function's own."""
    lines = ["import fastapi\n", "\n", "app: type = fastapi.FastAPI\n", "app == 3\n"]
    monkeypatch.setitem(linecache.cache, "/project/main.py", (1, None, lines, "/project/main.py"))
    place = refused(app=fastapi.FastAPI).place
    assert place is not None
    assert (place.path, place.line) == ("/project/main.py", 3)
    assert "app: type" in place.excerpt
    function = refused("main", main=needy).place
    assert function is not None
    assert "def needy" in function.excerpt


def ask(app: App) -> tuple[str, bytes]:
    """Return the status and the body that a GET of / gets."""
    from wsgiref.util import setup_testing_defaults

    seen: list[str] = []
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body = b"".join(app.call(environ, lambda status, headers, error=None: seen.append(status)))
    return seen[0], body


@pytest.mark.parametrize("debug", [True, False])
def test_flask_in_debug_mode_shows_its_traceback(debug: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """The page is the one of `flask --debug run`, and offers no console."""
    app = flask.Flask("shop")
    app.debug = debug

    @app.route("/")
    def home() -> str:
        raise ValueError("broken view")

    status, body = ask(with_debugger(App("wsgi", app, "app")))
    assert status == "500 INTERNAL SERVER ERROR"
    assert (b"broken view" in body) == debug
    if debug:
        assert b"EVALEX = false" in body


def test_other_apps_get_no_debugger(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not Flask's stays as it is, and Flask is not imported in order to know."""
    app = App("wsgi", wsgi, "app")
    assert with_debugger(app) is app
    monkeypatch.delitem(sys.modules, "flask")
    assert with_debugger(app) is app
    assert "flask" not in sys.modules
