"""The working folder of a process, where it may have been removed and created again."""

from __future__ import annotations

import os


def enter(path: str) -> None:
    """Change to the folder that is at `path` now, or the nearest above: a process needs one that exists."""
    while True:
        try:
            os.chdir(path)
        except OSError:
            if path == os.path.dirname(path):
                return
            path = os.path.dirname(path)
        else:
            return
