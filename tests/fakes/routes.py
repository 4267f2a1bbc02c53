"""The routes of an app that never was live."""

from __future__ import annotations

from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.live_routes import LiveRoutes


def no_routes() -> LiveRoutes:
    """Return live routes without a Worker."""
    return LiveRoutes(Dispatcher(lambda: None))
