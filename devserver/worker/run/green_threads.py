"""Apps over green threads: serves what gevent has patched on its own loop, and refuses what eventlet has.

Law: the loop that we run on waits where gevent waits, so that the app's greenlets run meanwhile. They find
the running event loop that they have left, never ours.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import events
from importlib import import_module
from typing import Any

from devserver.common.failure import Failure

GREENLETS = 1000
"""Requests of a WSGI app that run at once: each has a greenlet of its own."""
_EVENTLET = (
    "eventlet has patched the standard library, and devserver cannot serve such an app: use gevent, "
    "or leave out eventlet.monkey_patch() here, for WSGI apps run in threads"
)
_OLD_GEVENT = "gevent has patched the standard library, and it lacks gevent.selectors: install 20.6 or newer"


def refusal() -> Failure | None:
    """Return why an app cannot be served for what it has patched; call it once it is imported."""
    if getattr(sys.modules.get("eventlet.patcher"), "already_patched", None):
        return Failure("import", "EventletPatched", _EVENTLET)
    if has_green_threads():
        try:
            import_module("gevent.selectors")
        except ImportError:
            return Failure("import", "GeventPatched", _OLD_GEVENT)
    return None


def has_green_threads() -> bool:
    """Return whether gevent has patched threads; with sockets alone patched, threads wait for themselves."""
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
