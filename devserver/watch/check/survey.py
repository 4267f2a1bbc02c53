"""Reads the files beside those that run: a later import or template may need one at any time."""

from __future__ import annotations

import os
from collections.abc import Iterable

from devserver.watch.check.read import Content, read
from devserver.watch.scope.filters import PACKAGE, Filters, Interest
from devserver.watch.scope.tree import files_of, walk

MOST_FILES = 1000
MOST_BYTES = 16 * 1024 * 1024


def beside(filters: Filters, folders: Iterable[str], wanted: bool = False) -> list[Content]:
    """Read the files in `folders` that matter and are not attended, Python first, within bounds.

    `wanted`: and files that matter elsewhere under the root.
    """
    code = [
        path for folder in folders for path in files_of(folder) if filters.interest(path) is Interest.CODE
    ]
    code += [path for folder in folders for path in _packages(_folders_in(folder), filters)]
    kinds = (Interest.DATA, Interest.CODE) if wanted else (Interest.DATA,)
    walked = list(walk(filters.roots, filters, lambda _path: None))
    filters.links.update(link for folder in walked for link in folder.links if os.path.isdir(link))
    data = [path for folder in walked for path in folder.files if filters.interest(path) in kinds]
    contents: list[Content] = []
    room = MOST_BYTES
    for path in dict.fromkeys(code + data):
        if path in filters.snapshot or (path in filters.attended and not path.endswith(".py")):
            continue  # it is in the snapshot
        content = read(path)
        if content.target and path.endswith(".py"):
            continue  # a link's target has a name of its own, known once it is used
        room -= len(content.data or b"")
        if room < 0 or len(contents) == MOST_FILES:
            break
        contents.append(content)
    return contents


def packages_before(paths: Iterable[str], filters: Filters) -> list[str]:
    """Return the packages that matter and hide modules among `paths`: Python finds a package first."""
    known = set(paths)
    bases = [path.removesuffix(".py") for path in known if path.endswith(".py")]
    return [path for path in _packages(bases, filters) if path not in known]


def _packages(folders: Iterable[str], filters: Filters) -> list[str]:
    """Return where those of `folders` begin that are packages and matter, links resolved."""
    found = [os.path.join(folder, PACKAGE) for folder in folders]
    return [
        os.path.join(os.path.realpath(os.path.dirname(path)), PACKAGE)
        for path in found
        if os.path.isfile(path) and filters.interest(path) is Interest.CODE
    ]


def _folders_in(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as listing:
            return sorted(entry.path for entry in listing if entry.is_dir())
    except OSError:
        return []
