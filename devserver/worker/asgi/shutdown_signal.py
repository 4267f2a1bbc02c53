"""Signals to libraries that the server exits, in the way that they expect.

uvicorn has no signal for it: what has to end its own tasks then, sse-starlette for one, puts itself into
`uvicorn.Server.handle_exit`. Its watcher is begun by a request, so it counts as open work until it hears.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from types import SimpleNamespace


def say() -> None:
    """Call what a library has put there, if any; an error in it does not stop the exit."""
    server = getattr(sys.modules.get("uvicorn.server"), "Server", None)
    handle = getattr(server, "handle_exit", None)
    if handle is None or getattr(handle, "__module__", "") == "uvicorn.server":
        return
    stands_in = SimpleNamespace(should_exit=False, force_exit=False, _captured_signals=[])
    with suppress(Exception):
        handle(stands_in, signal.SIGTERM, None)
