"""Replaces functions of the import system by ours, so that nothing else looks different."""

from __future__ import annotations

from types import FunctionType
from typing import Any

_NOT_THERE = object()
_FRAMES_LEFT_OUT = "<frozen importlib._bootstrap_external>"
"""Python removes frames of this file from tracebacks of imports; ours go with them."""


class Patches:
    """The replaced attributes, and how to restore them."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any]] = []

    def put(self, owner: Any, name: str, function: Any) -> None:
        """Replace an attribute of a module or class by a Python function."""
        if isinstance(function, FunctionType):
            function.__code__ = function.__code__.replace(co_filename=_FRAMES_LEFT_OUT)
            function.__name__ = function.__qualname__ = name
        self._replaced.append((owner, name, vars(owner).get(name, _NOT_THERE)))
        setattr(owner, name, function)

    def undo(self) -> None:
        """Restore what was replaced, the newest first."""
        while self._replaced:
            owner, name, before = self._replaced.pop()
            if before is _NOT_THERE:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
