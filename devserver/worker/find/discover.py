"""Finds what a module serves: an app for HTTP, handlers, or both."""

from __future__ import annotations

from types import ModuleType

from msgspec import Struct

from devserver.common.failure import Failure
from devserver.worker.find.apps import App, find_app
from devserver.worker.find.handlers import Handlers, handlers_of


class Found(Struct, frozen=True):
    """The app and the handlers to serve. Without an app there is at least one handler."""

    app: App | None
    handlers: Handlers


def discover(module: ModuleType, attribute: str = "", factory: bool = False) -> Found | Failure:
    """Return what `module` serves, or what is wrong with it, in one sentence.

    `attribute` names the app; `factory`: call it to get the app. Handlers are always looked for.
    Raises what a factory raises; that counts as a failed import.
    """
    handlers = handlers_of(module)
    has_handlers = isinstance(handlers, Failure) or bool(handlers.found)
    app = find_app(module, attribute, factory, handlers=has_handlers)
    if isinstance(app, Failure):
        return app
    if app is not None:
        handlers = handlers_of(module, beside_app=True)
    return handlers if isinstance(handlers, Failure) else Found(app, handlers)
