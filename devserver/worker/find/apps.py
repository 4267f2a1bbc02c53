"""Finds the app of a module: by the named attribute, by the usual names, or as the only one.

Law: an exception of the app's own code passes through; a fault of the module becomes one sentence.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from devserver.common.failure import Failure, Place, excerpt
from devserver.worker.find.handlers import ARGUMENTS, file_name, missing, place_of, refusal
from devserver.worker.find.interface import (
    Interface,
    as_asgi,
    interface_of,
    is_app_object,
    is_function,
    parameters_needed,
)

NAMES = ("app", "application")
FACTORIES = ("create_app", "make_app")
_NEITHER = "neither an ASGI app (scope, receive, send) nor a WSGI app (environ, start_response)"


class App(Struct, frozen=True):
    """What serves HTTP: `call(scope, receive, send)`, to be awaited, or `call(environ, start_response)`.

    `name` is the attribute it was found under, with parentheses after a factory's.
    """

    kind: Literal["asgi", "wsgi"]
    call: Any
    name: str


def find_app(module: ModuleType, attribute: str, factory: bool, *, handlers: bool) -> App | Failure | None:
    """Return the app of `module`, or what is wrong with it. None: it has `handlers` and no app.

    `attribute` is a dotted name; `factory`: call it to get the app. Raises what a factory raises.
    """
    if attribute in ARGUMENTS and handlers and not factory:
        return None  # the target names a handler, so no app is expected
    if attribute:
        try:
            value = functools.reduce(getattr, attribute.split("."), module)
        except AttributeError:
            return missing(module, attribute)
        app = _app(value, attribute, factory)
        return app if isinstance(app, App) else _refused(module, attribute, value, app)
    names = (*FACTORIES, *NAMES) if factory else (*NAMES, *FACTORIES)
    found = _by_name(module, names, factory)
    if isinstance(found, App):
        return found
    if not factory and (other := _only_app(module)):
        return other
    if handlers and not factory:
        return None
    return found or _nothing(module, factory)


_AT_FIRST_REQUEST = ("multiprocessing.sharedctypes", "multiprocessing.synchronize", "encodings.idna")
"""Modules that Werkzeug's debugger imports then: copies of this process have them already."""


def with_debugger(app: App) -> App:
    """Return `app` with the traceback page of `flask --debug run`, if it is Flask's and in debug mode.

    Only clients on this machine see the page, and it executes nothing that a browser sends.
    """
    flask = getattr(sys.modules.get("flask"), "Flask", None)
    if flask is None or not isinstance(app.call, flask) or not app.call.debug:
        return app
    from devserver.common.local_client import is_local

    plain = app.call
    debug = import_module("werkzeug.debug")
    with suppress(ImportError):  # the request that needs it reports that
        for name in _AT_FIRST_REQUEST:
            import_module(name)

    @functools.cache
    def debugged() -> Any:
        """Create it at the first request: its shared memory must not reach copies of this process."""
        return debug.DebuggedApplication(plain, evalex=False)

    def call(environ: dict[str, Any], start_response: Any) -> Any:
        def header(name: str) -> str:
            return str(environ.get(f"HTTP_{name.upper().replace('-', '_')}", ""))

        local = is_local(environ.get("REMOTE_ADDR"), header)
        return (debugged() if local else plain)(environ, start_response)

    call.__wrapped__ = plain  # type: ignore[attr-defined]  # so its routes are found
    return replace(app, call=call)


def adapted(value: Any, interface: Interface, name: str) -> App:
    """Return `value` as an App."""
    if interface == "asgi2":
        return App("asgi", as_asgi(value), name)
    return App(interface, value, name)


def _by_name(module: ModuleType, names: Iterable[str], factory: bool) -> App | Failure | None:
    """Return the first app among `names`; if there is none, what is wrong with the first existing name."""
    fault: Failure | None = None
    for name in names:
        value = getattr(module, name, None)
        if value is None or isinstance(value, ModuleType):  # `import app.models` binds `app`
            continue
        app = _app(value, name, factory)
        if isinstance(app, App):
            return app
        fault = fault or _refused(module, name, value, app)
    return fault


def _only_app(module: ModuleType) -> App | Failure | None:
    """Return the only app in `module`, under any name; with several, ask the user to name one."""
    apps: dict[int, tuple[str, Any]] = {}
    for name, value in vars(module).items():
        if not name.startswith("_") and is_app_object(value):
            apps.setdefault(id(value), (name, value))
    if len(apps) > 1:
        first, *others = (name for name, _ in apps.values())
        names = f"{', '.join((first, *others[:-1]))} and {others[-1]}"
        message = f"{file_name(module)} has several apps, {names}: name one in the target, or call it app"
        return refusal("AppAmbiguous", message, module)
    for name, value in apps.values():
        if interface := interface_of(value):
            return adapted(value, interface, name)
    return None


def _app(value: Any, name: str, factory: bool) -> App | str:
    """Return the app that `value` is or creates, or what is wrong with it: a phrase that follows its name."""
    # Decide by the names: create_app(config, name) has two parameters, as WSGI apps have.
    factory = factory or name.rpartition(".")[2] in FACTORIES
    interface = interface_of(value)
    if interface and not factory:
        return adapted(value, interface, name)
    if interface and not is_function(value) and not inspect.isclass(value):
        return "is an app, not a factory: leave out --factory"
    needed = parameters_needed(value) if callable(value) else ()
    if not callable(value) or not (factory or (is_function(value) and not needed)):
        return _fault(value, name)
    if needed:
        wants = ", ".join(needed)
        return f"is called without arguments, but needs {wants}: give them defaults, or name another factory"
    made = value()
    if interface := interface_of(made):
        return adapted(made, interface, f"{name}()")
    if inspect.iscoroutine(made):
        made.close()
        return "is async, but a factory must be a plain function"
    if made is None:
        return "returned None: return the app"
    return f"returned {_what(made)}, {_NEITHER}"


def _fault(value: Any, name: str) -> str:
    tail = name.rpartition(".")[2]
    if inspect.isclass(value):
        instance = "app" if tail == value.__name__ else tail
        return f"is the class {value.__name__}, and not an instance: write {instance} = {value.__name__}(…)"
    if isinstance(value, ModuleType):
        return f"is a module: name the app in it, as in {value.__name__}:app"
    return f"is {_what(value)}, {_NEITHER}"


def _what(value: Any) -> str:
    if is_function(value):
        kind = "an async function" if inspect.iscoroutinefunction(value) else "a function"
        return f"{kind} of ({', '.join(parameters_needed(value))})"
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    module = type(value).__module__
    return f"an object of type {'' if module == 'builtins' else f'{module}.'}{type(value).__name__}"


def _refused(module: ModuleType, name: str, value: Any, fault: str) -> Failure:
    place = (place_of(value) if is_function(value) else None) or _place_of(module, name)
    return refusal("NotAnApp", f"{name} in {file_name(module)} {fault}", module, place)


def _nothing(module: ModuleType, factory: bool) -> Failure:
    name = file_name(module)
    if factory:
        message = f"{name} has no factory, {' or '.join(FACTORIES)}: define one, or name it in the target"
        return refusal("NoHandlers", message, module)
    apps, wanted = ", ".join((*NAMES, *FACTORIES)), ", ".join(ARGUMENTS)
    message = (
        f"{name} has no app ({apps}) and none of {wanted}: "
        "write app = … for HTTP, or define on_receive(conn, data) for TCP"
    )
    return refusal("NoHandlers", message, module)


def _place_of(module: ModuleType, name: str) -> Place | None:
    """Return where `module` assigns the first part of a dotted `name`, if its text shows that."""
    file = getattr(module, "__file__", None) or ""
    lines = linecache.getlines(file)
    assigned = re.compile(rf"{re.escape(name.partition('.')[0])}\s*(:[^=]+)?=[^=]")
    for number, line in enumerate(lines, 1):
        if assigned.match(line):
            around, first = excerpt("".join(lines), number)
            return Place(file, number, excerpt=around, first=first)
    return None
