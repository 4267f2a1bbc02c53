"""What is installed, as far as microseconds can tell, and which files of the app hide some of it."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from contextlib import suppress

_NAMES = ("site-packages", "dist-packages")


def top_level(path: str, search: Iterable[str]) -> str:
    """Return the name under which a file is a top-level module found on `search`, "" if it is none."""
    folder, name = os.path.split(path)
    if name == "__init__.py":
        folder, name = os.path.split(folder)
    return name.removesuffix(".py") if folder in search else ""


def installed() -> tuple[tuple[str, int], ...]:
    """Return the folders of installed packages with the time of their last change."""
    paths = sysconfig.get_paths()
    folders = {paths["purelib"], paths["platlib"]}
    folders |= {path for path in sys.path if os.path.basename(path.rstrip(os.sep)) in _NAMES}
    found = []
    for folder in sorted(folders):
        with suppress(OSError):
            found.append((folder, os.stat(folder).st_mtime_ns))
    return tuple(found)
