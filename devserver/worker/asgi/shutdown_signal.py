"""Signals to libraries that the server exits, in the way that they expect it from uvicorn.

uvicorn has no signal for it: a library that has to end its tasks then, such as sse-starlette, replaces
`uvicorn.Server.handle_exit`. A request begins its watcher, which counts as open work until the signal.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from types import SimpleNamespace


def send() -> None:
    """Call the handler that a library has put there, if any; an error in it does not stop the exit."""
    server = getattr(sys.modules.get("uvicorn.server"), "Server", None)
    handle = getattr(server, "handle_exit", None)
    if handle is None or getattr(handle, "__module__", "") == "uvicorn.server":
        return
    stands_in = SimpleNamespace(should_exit=False, force_exit=False, _captured_signals=[])
    with suppress(Exception):
        handle(stands_in, signal.SIGTERM, None)
