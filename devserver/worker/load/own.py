"""Distinguishes the app's own files from installed ones."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from functools import cache

from devserver.common import foreign

_ZIPPED = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
"""The zipped standard library: it is on every sys.path, whether or not it exists."""


@cache
def foreign_folders() -> tuple[str, ...]:
    """Return the folders of the standard library, of installed distributions and of devserver."""
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [*site.getsitepackages(), site.getusersitepackages()]
    folders.append(os.path.join(os.path.dirname(paths["stdlib"]), _ZIPPED))
    folders.append(foreign.DEVSERVER)
    folders += map(os.path.realpath, folders[:])
    return tuple({os.path.join(folder, "") for folder in folders})


class Own:
    """A predicate: is the file at a path the app's own? Caches folders, and the targets of links in them."""

    def __init__(self) -> None:
        self._foreign = foreign_folders()
        self._folders: dict[str, bool] = {}
        self._real: dict[str, str] = {os.sep: os.sep}

    def __call__(self, path: str) -> bool:
        """Return whether the file or folder at `path`, existing or not, is neither installed nor Python's."""
        folder, name = os.path.split(path)
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self._is_own(folder) and self._is_own(self.folder(folder))
        if not known or name in foreign.PACKAGE_FOLDERS or os.path.join(path, "") in self._foreign:
            return False
        return not os.path.islink(path) or self._is_own(os.path.realpath(path))

    def has_code(self, filename: str) -> bool:
        """Return whether code with this file name is own; names of Cython's functions are relative."""
        return os.path.isabs(filename) and self(filename)

    def _is_own(self, folder: str) -> bool:
        return not os.path.join(folder, "").startswith(self._foreign) and not any(
            part in foreign.PACKAGE_FOLDERS for part in folder.split(os.sep)
        )

    def real(self, path: str) -> str:
        """Return `path` without symbolic links, as os.path.realpath does; cheap if its folder is known."""
        place = self.place(path)
        return os.path.realpath(path) if os.path.islink(place) else place

    def place(self, path: str) -> str:
        """Return `path` with its real folder; the file itself may be a link."""
        folder, name = os.path.split(path)
        if not name or name in (os.curdir, os.pardir):
            return os.path.realpath(path)
        return os.path.join(self.folder(folder), name)

    def folder(self, path: str) -> str:
        """Return a folder without symbolic links, cached from the first call."""
        real = self._real.get(path)
        if real is None:
            real = self._real[path] = self.real(path) if os.path.isabs(path) else os.path.realpath(path)
        return real
