"""Makes Python's own finder see the snapshot's modules among those on the disk.

Laws: the search order is Python's. A file of the snapshot is found at its place even if it is gone from the
disk. A file that is absent from this generation is not found even if the disk has it again.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import Any

from devserver.worker.load.snapshot import PACKAGE, Snapshot

_find_on_disk = FileFinder.find_spec


class Finding:
    """Finds modules in the folders of a snapshot, in place of `importlib.machinery.FileFinder`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._looked_in: set[str] = set()

    def find(self, finder: Any, fullname: str, target: ModuleType | None) -> ModuleSpec | None:
        """Find a module in the finder's folder, as FileFinder.find_spec does."""
        spec = self._find_anywhere(finder, fullname, target)
        if spec is None and fullname in sys.modules:  # a namespace package whose path has changed
            self._snapshot.looked_for(fullname, [finder.path])
        return spec

    def _find_anywhere(self, finder: Any, fullname: str, target: ModuleType | None) -> ModuleSpec | None:
        snapshot = self._snapshot
        folder = snapshot.owns.folder(finder.path)
        if folder not in self._looked_in:
            self._looked_in.add(folder)
            snapshot.looked_in(finder.path, folder)
        if snapshot.is_known_in(folder):
            tail = fullname.rpartition(".")[2]
            base = os.path.join(folder, tail)
            inner = snapshot.owns.folder(base)
            module = snapshot.holds(f"{base}.py")
            package = snapshot.holds(f"{inner}{os.sep}{PACKAGE}")
            if module is not None or package is not None or snapshot.is_above(inner):
                return self._find(finder, fullname, tail, (package, module))
        return _find_on_disk(finder, fullname, target)

    def _find(
        self, finder: Any, fullname: str, tail: str, held: tuple[bool | None, bool | None]
    ) -> ModuleSpec | None:
        """Find the module in the snapshot, or what the disk has before it that is not a source."""
        package, module = held
        listing = _listing(finder)
        base = os.path.join(finder.path, tail)
        for suffix, loader in finder._loaders:
            path = os.path.join(base, f"__init__{suffix}")
            is_source = suffix in SOURCE_SUFFIXES
            # A package that only the disk has is newer than the snapshot's module.
            held_here = (False if module and package is None else package) if is_source else None
            if held_here or (held_here is None and tail in listing and os.path.isfile(path)):
                return spec_from_file_location(
                    fullname, path, loader=loader(fullname, path), submodule_search_locations=[base]
                )
        for suffix, loader in finder._loaders:
            path = base + suffix
            held_here = module if suffix in SOURCE_SUFFIXES else None
            if held_here or (held_here is None and tail + suffix in listing and os.path.isfile(path)):
                return spec_from_file_location(fullname, path, loader=loader(fullname, path))
        if self.is_folder(base):
            spec = ModuleSpec(fullname, None)
            spec.submodule_search_locations = [base]
            return spec
        return None

    def is_folder(self, path: str) -> bool:
        """Return whether there is a folder at `path`, on the disk or in the snapshot."""
        return os.path.isdir(path) or self._snapshot.is_above(self._snapshot.owns.folder(path))


def _listing(finder: Any) -> set[str]:
    """Return the names in a finder's folder; the finder caches them until the folder's mtime changes."""
    try:
        mtime = os.stat(finder.path).st_mtime
    except OSError:
        mtime = -1
    if mtime != finder._path_mtime:
        finder._fill_cache()
        finder._path_mtime = mtime
    names: set[str] = finder._path_cache
    return names
