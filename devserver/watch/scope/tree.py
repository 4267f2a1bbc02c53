"""Walks the folders that are watched."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from devserver.watch.scope.filters import VENV_MARK, Filters

HARMLESS = "__pycache__"
"""Ignored, but small: a recursive watch may include it."""


class Folder(Struct, frozen=True):
    """A watched folder; `clean`: no direct entry is ignored."""

    path: str
    files: tuple[str, ...]
    """Everything but folders; a link counts as a file."""
    clean: bool
    links: tuple[str, ...] = ()
    """The files that are links."""


def walk(tops: Iterable[str], filters: Filters, enter: Callable[[str], object]) -> Iterator[Folder]:
    """Yield the folders under `tops` (themselves included), nearest first, without those that are ignored.

    `enter` is called with a folder before it is listed, so that a watch sees later changes. An exception of
    `enter` ends the walk. Folders that vanish or may not be read are skipped. Links are not followed.
    """
    waiting = deque(top for top in tops if is_kept(top, filters))
    while waiting:
        path = waiting.popleft()
        enter(path)
        try:
            with os.scandir(path) as listing:
                found = list(listing)
            entries = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in found]
            links = tuple(entry.path for entry in found if entry.is_symlink())
        except OSError:
            continue
        folders = {folder for folder, is_folder in entries if is_folder}
        kept = {folder for folder in folders if is_kept(folder, filters)}
        waiting.extend(sorted(kept))
        clean = all(os.path.basename(folder) == HARMLESS for folder in folders - kept)
        yield Folder(path, tuple(file for file, is_folder in entries if not is_folder), clean, links)


def is_kept(folder: str, filters: Filters) -> bool:
    """Return whether to watch a folder; checks whether it is a virtual environment."""
    if folder in filters.roots:
        return True
    filters.mark_venv(folder, os.path.exists(os.path.join(folder, VENV_MARK)))
    return not filters.is_ignored(folder)


def files_of(folder: str) -> list[str]:
    """Return the Python files of a folder; none if it cannot be listed."""
    try:
        with os.scandir(folder) as listing:
            return sorted(entry.path for entry in listing if entry.name.endswith(".py"))
    except OSError:
        return []
