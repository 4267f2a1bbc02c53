"""The app's own fork hooks, which run at the app's forks and not at devserver's: a cold start forks nothing.

Hooks of libraries run at every fork: they repair what a fork breaks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from types import FrameType
from typing import Any

_quiet = False


def fork() -> int:
    """Fork as os.fork does, without running the hooks that `quieten` has seen."""
    global _quiet
    _quiet = True
    try:
        return os.fork()
    finally:
        _quiet = False


def quieten(are_own: Callable[[FrameType, Iterable[Any]], bool]) -> Callable[[], None]:
    """See hooks that are registered from now on; return what ends that.

    `are_own` returns whether these hooks, which the code of a frame registers, are the app's own.
    """
    original = os.register_at_fork

    @wraps(original)
    def register(**hooks: Any) -> None:
        if are_own(sys._getframe(1), hooks.values()):
            hooks = {when: _unless_quiet(hook) if callable(hook) else hook for when, hook in hooks.items()}
        original(**hooks)

    os.register_at_fork = register
    return lambda: setattr(os, "register_at_fork", original)


def _unless_quiet(hook: Callable[[], Any]) -> Callable[[], Any]:
    @wraps(hook)
    def unless_quiet() -> Any:
        return None if _quiet else hook()

    return unless_quiet
