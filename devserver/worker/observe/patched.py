"""Libraries that replace the standard library's sockets and threads."""

from __future__ import annotations

import sys

_MARKS = (("gevent.monkey", "saved"), ("eventlet.patcher", "already_patched"))
"""The module that patches, and its attribute that is true once it has."""


def patched() -> str:
    """Return which library has patched the standard library, as a sentence; "" if none has."""
    for name, mark in _MARKS:
        if getattr(sys.modules.get(name), mark, None):
            return f"{name.partition('.')[0]} has patched the standard library"
    return ""
