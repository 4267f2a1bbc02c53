"""Apps on green threads: serves those that gevent has patched, and refuses those that eventlet has.

Law: our event loop waits in gevent's hub, so the app's greenlets run meanwhile. A greenlet finds the running
event loop that it has left, never ours.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import events
from importlib import import_module
from typing import Any

from devserver.common.failure import Failure

GREENLETS = 1000
"""Requests of a WSGI app that run at once, each in its own greenlet."""
_EVENTLET = (
    "devserver cannot serve an app for which eventlet has patched the standard library: use gevent, "
    "or leave out eventlet.monkey_patch() here, because WSGI apps run in threads"
)
_OLD_GEVENT = "this gevent is too old, for it lacks gevent.selectors: install gevent 20.6 or newer"


def refusal() -> Failure | None:
    """Return why a patched app cannot be served, None if it can; call it after the import."""
    if getattr(sys.modules.get("eventlet.patcher"), "already_patched", None):
        return Failure("import", "EventletPatched", _EVENTLET)
    if has_green_threads():
        try:
            import_module("gevent.selectors")
        except ImportError:
            return Failure("import", "GeventPatched", _OLD_GEVENT)
    return None


def has_green_threads() -> bool:
    """Return whether gevent has patched threads; if only sockets are patched, real threads work."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop that lets greenlets run while it waits."""
    selector: Any = import_module("gevent.selectors").GeventSelector()
    select = selector.select
    theirs: asyncio.AbstractEventLoop | None = None

    def select_in_the_open(timeout: float | None = None) -> Any:
        nonlocal theirs
        ours = events._get_running_loop()
        events._set_running_loop(theirs)  # an asyncio.run() in a greenlet goes on as we found it
        try:
            return select(timeout)
        finally:
            theirs = events._get_running_loop()
            events._set_running_loop(ours)

    selector.select = select_in_the_open
    return asyncio.SelectorEventLoop(selector)
