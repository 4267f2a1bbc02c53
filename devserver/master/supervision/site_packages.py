"""What is installed, by a check that takes microseconds, and which files of the app hide a part of it."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable
from contextlib import suppress

from devserver.common.foreign import PACKAGE_FOLDERS


def top_level(path: str, search: Iterable[str]) -> str:
    """Return the name under which a file is a top-level module found on `search`, "" if it is not one."""
    folder, name = os.path.split(path)
    if name == "__init__.py":
        folder, name = os.path.split(folder)
    return name.removesuffix(".py") if folder in search else ""


class SitePackages:
    """Notices installations and removals: by a folder's time, and by its names if that differs."""

    def __init__(self) -> None:
        self._folders = {folder: (_time(folder), _names(folder)) for folder in _package_folders()}
        self.leads_elsewhere = False
        """The last change was one of sys.path: a process that started before it does not have it."""

    def may_have_changed(self) -> bool:
        """Return whether `has_changed` may return True."""
        return any(_time(folder) != time for folder, (time, _names) in self._folders.items())

    def has_changed(self) -> bool:
        """Return whether anything was installed or removed since the last call."""
        changed: set[str] = set()
        made = False
        for folder, (time, names) in self._folders.items():
            if (now := _time(folder)) != time:
                self._folders[folder] = now, _names(folder)
                changed |= self._folders[folder][1] ^ names
                made = made or not time
        self.leads_elsewhere = made or any(name.endswith(".pth") for name in changed)
        return bool(changed)


def times() -> list[int]:
    """Return a value that any installation or removal changes."""
    return [_time(folder) for folder in _package_folders()]


def _package_folders() -> list[str]:
    paths = sysconfig.get_paths()
    folders = {paths["purelib"], paths["platlib"]}
    folders |= {path for path in sys.path if os.path.basename(path.rstrip(os.sep)) in PACKAGE_FOLDERS}
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())  # not on the path until it is there
    return sorted(folders)


def _time(folder: str) -> int:
    with suppress(OSError):
        return os.stat(folder).st_mtime_ns
    return 0


def _names(folder: str) -> frozenset[str]:
    """Return the names in a folder, except those that imports leave there."""
    with suppress(OSError):
        return frozenset(os.listdir(folder)) - {"__pycache__"}
    return frozenset()
