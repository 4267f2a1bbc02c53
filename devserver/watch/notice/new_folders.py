"""Folders that appear while the watch goes on, and the files that they hold by then.

Law: a folder is watched before it is listed, so no file that appears in it is missed.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator

from devserver.watch.notice.debounce import Kind
from devserver.watch.scope.filters import Filters
from devserver.watch.scope.tree import Folder, files_of, walk

WALKED_AT_ONCE = 256
"""Folders that are watched in one turn of the loop; the others follow in its next turns."""


class NewFolders:
    """`watch` is called with each folder that matters, before its files are listed."""

    def __init__(self, filters: Filters, watch: Callable[[str], None]) -> None:
        self._filters = filters
        self._watch = watch
        self._walks: deque[Iterator[Folder]] = deque()

    def __bool__(self) -> bool:
        return bool(self._walks)

    def add(self, folder: str) -> None:
        """Note that a folder has appeared; it may not matter."""
        if folder in self._filters.folders and not self._filters.is_reached(folder):
            self._add_one(folder)
        elif self._filters.is_watched(folder):
            self._walks.append(walk([folder], self._filters, self._watch))
        elif os.path.dirname(folder) in self._filters.folders:  # perhaps that of a package outside the roots
            self._add_one(folder)

    def _add_one(self, folder: str) -> None:
        self._watch(folder)
        self._walks.append(iter([Folder(folder, tuple(files_of(folder)), clean=True)]))

    def add_roots(self) -> None:
        """Treat all folders as new: events were lost."""
        self._walks.append(walk(self._filters.roots, self._filters, self._watch))

    def report_some(self, touched: Callable[[str, Kind], None]) -> bool:
        """Report the files of some folders, which may be older than the watch; return whether to go on."""
        for _ in range(WALKED_AT_ONCE):
            if not self._walks:
                return False
            folder = next(self._walks[0], None)
            if folder is None:
                self._walks.popleft()
                continue
            for path in folder.files:
                touched(path, Kind.DONE)
        return True
