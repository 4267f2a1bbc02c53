"""Attaches a Worker to the debugger that the server runs under, so breakpoints work from the import on."""

from __future__ import annotations

import os
import sys
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

from devserver.ipc.messages import DebugServer

if TYPE_CHECKING:
    from devserver.worker.run.debugger import Debugger


def attach(server: DebugServer) -> None:
    """Connect, and return once the client is ready, or the adapter reports that there is none.

    An error is reported on standard error: the app runs without the debugger.
    """
    sys.path.append(server.folder)
    try:
        api: Any = import_module("debugpy.server.api")
        api.ensure_logging()
        # debugpy.connect() takes one token only; a child process of pydevd's needs both.
        api.pydevd.settrace(
            host=server.host,
            port=server.port,
            ppid=server.pid,
            access_token=server.tokens[0],
            client_access_token=server.tokens[1],
            suspend=False,
            patch_multiprocessing=True,
            notify_stdin=False,
            dont_trace_start_patterns=(os.path.join(server.folder, "debugpy"),),
        )
    except BaseException as error:
        print(f"this worker cannot attach to the debugger: {error!r}", file=sys.stderr)
    finally:
        sys.path.remove(server.folder)


def watch(debugger: Debugger) -> None:
    """Make pydevd report when it stops a thread and lets it go: time limits stand still meanwhile."""
    kind: Any = getattr(sys.modules.get("pydevd"), "PyDB", None)
    if kind is None:
        return
    wait = kind.do_wait_suspend

    @wraps(wait)
    def do_wait_suspend(self: Any, thread: Any, frame: Any, *arguments: Any, **options: Any) -> Any:
        began = debugger.began(frame, "elsewhere")
        try:
            return wait(self, thread, frame, *arguments, **options)
        finally:
            if began:
                debugger.over()

    kind.do_wait_suspend = do_wait_suspend
