"""The working folder of a process; the folder may be removed and created again."""

from __future__ import annotations

import os


def enter(path: str) -> None:
    """Change to the folder at `path`, or to the nearest one above it that exists."""
    while True:
        try:
            os.chdir(path)
        except OSError:
            if path == os.path.dirname(path):
                return
            path = os.path.dirname(path)
        else:
            return
