"""The files' signatures before anything ran: they show a save where the system reports none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice

from devserver.ipc.source_digest import Signature
from devserver.watch.check.read import signature
from devserver.watch.scope.filters import Filters
from devserver.watch.scope.tree import walk

MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class FirstLook:
    """The signatures of the files in `folders`, none of them if there were more than MOST_FILES."""

    folders: frozenset[str] = frozenset()
    files: dict[str, Signature | None] | None = None
    links: tuple[str, ...] = ()
    """Links; the files behind them were not looked at."""

    def differs(self, path: str, now: Signature | None, filters: Filters) -> bool:
        """Return whether a file that was never read is known to have changed, or to be new."""
        if self.files is None:
            return False
        folder = os.path.dirname(path)
        behind_link = any(path.startswith(link + os.sep) for link in self.links)
        if behind_link or (folder not in self.folders and filters.is_ignored(folder)):
            return False
        return self.files.get(path) != now


def look(filters: Filters) -> FirstLook:
    """Take the signatures of the files under the roots. Takes as long as a walk through the tree."""
    folders = list(walk(filters.roots, filters, lambda _path: None))
    files = list(islice((path for folder in folders for path in folder.files), MOST_FILES + 1))
    if len(files) > MOST_FILES:
        return FirstLook()
    return FirstLook(
        frozenset(folder.path for folder in folders),
        {path: signature(path) for path in files},
        tuple(link for folder in folders for link in folder.links),
    )
