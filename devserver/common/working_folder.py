"""The working folder of a process, where it may have been removed and made again."""

from __future__ import annotations

import os


def enter(path: str) -> None:
    """Be in the folder that is at `path` now, or in the nearest above it: a process needs one that exists."""
    while True:
        try:
            os.chdir(path)
        except OSError:
            if path == os.path.dirname(path):
                return
            path = os.path.dirname(path)
        else:
            return
