"""Starts processes of devserver's that this process's debugger must not follow into.

pydevd (of debugpy, VS Code and PyCharm) starts each child process that is Python under itself, with threads.
A Manager forks: it has one thread, and its Workers attach by themselves
(`worker/run/debugger_attach.py`).
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext


def undebugged() -> AbstractContextManager[object]:
    """Return a context in which this thread starts processes as if no debugger were there."""
    monkey = sys.modules.get("_pydev_bundle.pydev_monkey")
    skip = getattr(monkey, "skip_subprocess_arg_patch", nullcontext)
    context: AbstractContextManager[object] = skip()
    return context
