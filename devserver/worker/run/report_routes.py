"""Reports the app's routes.

Law: a thread reads them, so the app's work goes on. An exception of the app's attributes becomes a sentence.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from devserver.common.errors import ConnectionGone
from devserver.ipc.messages import RoutesRead
from devserver.worker.find.apps import App
from devserver.worker.find.discover import Found
from devserver.worker.find.routes import MOST_ROUTES, handler_routes, routes_of
from devserver.worker.run.master_link import MasterLink


def report_routes(found: Found, link: MasterLink) -> None:
    """Read the routes of the app and the handlers, and send them."""

    def report() -> None:
        with suppress(ConnectionGone):
            link.send(read(found))

    threading.Thread(target=report, name="devserver: routes", daemon=True).start()


def read(found: Found) -> RoutesRead:
    """Return the routes of the app, and the handlers."""
    handlers = handler_routes(found.handlers)
    if found.app is None:
        return RoutesRead(handlers)
    try:
        answer = routes_of(found.app.call)
    except Exception as error:  # the app's own attributes
        reason = f"{type(error).__name__}: {error}"[:500]
        return RoutesRead(handlers, f"the routes of {found.app.name} cannot be read: {reason}")
    if answer is None:
        return RoutesRead(handlers, _not_listed(found.app))
    routes, more = answer
    return RoutesRead((*routes, *handlers), f"only the first {MOST_ROUTES:,} routes" if more else "")


def _not_listed(app: App) -> str:
    kind = type(app.call)
    what = "a function" if kind.__module__ == "builtins" else f"of {kind.__module__}.{kind.__qualname__}"
    return f"{app.name} is {what} and does not list its routes: read its code for them"
