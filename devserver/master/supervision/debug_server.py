"""The address of the debugger under which this process was started, so that Workers can attach to it."""

from __future__ import annotations

import os
import sys

from devserver.ipc.messages import DebugServer


def debug_server() -> DebugServer | None:
    """Return the address of debugpy's adapter, None without one that attaches to child processes."""
    debugpy, pydevd = sys.modules.get("debugpy"), sys.modules.get("pydevd")
    setup = getattr(getattr(pydevd, "SetupHolder", None), "setup", None) or {}
    if debugpy is None or not setup.get("port") or not setup.get("multiprocess"):
        return None
    folder = os.path.dirname(os.path.dirname(os.path.abspath(str(debugpy.__file__))))
    tokens = setup.get("access-token"), setup.get("client-access-token")
    return DebugServer(setup.get("client") or "127.0.0.1", int(setup["port"]), tokens, os.getpid(), folder)
