"""Makes Python's import system take the app's modules from the snapshot of the Worker's generation.

Laws: an import finds and loads the same as at a cold start with the same files. Nothing is added to
sys.meta_path or sys.path_hooks, and no loader changes its class, so packages that build on these work. A
`.pyc` is used only if it cannot be stale, so never for a file edited in this run.
"""

from __future__ import annotations

import importlib
import linecache
import os
import sys
import zipimport
from collections.abc import Callable
from contextlib import suppress
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from importlib.util import decode_source
from types import CodeType, ModuleType
from typing import Any, Protocol

from devserver.common.failure import name_source
from devserver.worker.load import pyc
from devserver.worker.load.finder import Finding
from devserver.worker.load.patches import Patches
from devserver.worker.load.snapshot import Snapshot

Foreign = Callable[[str, ModuleSpec], None]
"""Called with each module that is about to be imported and is not own."""


class Witness(Protocol):
    """Receives the code of own modules, and each read of their text."""

    def keep(self, path: str, code: CodeType) -> None:
        """Record the code object that an import is about to run, compiled as Python does it."""

    def read(self, path: str) -> None:
        """Record that code has read the text of the file."""

    def ask(self, name: str) -> None:
        """Record that code has a module imported by its name as a text, whether or not it is loaded."""


_COMPILING = (SyntaxError, ValueError, MemoryError, RecursionError)
"""The exceptions that compile() raises."""
_STEPS = ("get_code", "source_to_code", "get_data", "path_stats")
_system: Any = importlib
"""Every import goes through its `_bootstrap` and `_bootstrap_external`; no stub has these."""


def install(
    snapshot: Snapshot, foreign: Foreign | None = None, witness: Witness | None = None
) -> Callable[[], None]:
    """Make every import of an own module go through `snapshot`; `foreign` gets the others.

    `witness` gets those that are compiled as Python does it. Returns a function that undoes all of it.
    """
    patches = Patches()
    _forget_listings(snapshot)
    _patch_finding(patches, snapshot, foreign)
    _patch_loading(patches, snapshot, witness)
    _patch_caching(patches, snapshot)
    _patch_lines(patches, snapshot, witness)
    if witness is not None:
        _patch_asking(patches, witness)
    return patches.undo


def _forget_listings(snapshot: Snapshot) -> None:
    """Forget the listings of folders and archives from before the fork."""
    archives: dict[str, Any] = getattr(zipimport, "_zip_directory_cache", {})
    listed: tuple[dict[str, Any], ...] = (sys.path_importer_cache, archives)
    for cache in listed:
        for path in [path for path in cache if snapshot.owns(path)]:
            del cache[path]


def _patch_finding(patches: Patches, snapshot: Snapshot, foreign: Foreign | None) -> None:
    finding = Finding(snapshot)
    find_anywhere = _system._bootstrap._find_spec

    def find_spec(self: FileFinder, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        return finding.find(self, fullname, target)

    def is_folder(path: str) -> bool:
        return finding.is_folder(path)

    def find_and_report(name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if path is None:
            snapshot.note_path(sys.path)
        spec = find_anywhere(name, path, target)
        if spec is None or spec.loader is None or (path is None and _is_off_path(spec)):
            # Nothing, a namespace, or a module of a later finder: a new folder on the path would come before
            # it.
            snapshot.looked_for(name, sys.path if path is None else path)
        return spec if spec is None or _take_in(snapshot, foreign, name, spec) else None

    patches.put(FileFinder, "find_spec", find_spec)
    patches.put(_system._bootstrap_external, "_path_isdir", is_folder)
    patches.put(_system._bootstrap, "_find_spec", find_and_report)


def _is_off_path(spec: ModuleSpec) -> bool:
    """Return whether a top-level module was found off the path, such as by an editable install's finder."""
    if not getattr(spec, "has_location", False) or not isinstance(spec.origin, str):
        return False
    parent = os.path.dirname(spec.origin)
    if spec.submodule_search_locations is not None:
        parent = os.path.dirname(parent)
    return parent not in sys.path and parent not in [os.path.abspath(str(entry)) for entry in sys.path]


def _take_in(snapshot: Snapshot, foreign: Foreign | None, name: str, spec: ModuleSpec) -> bool:
    """Note the module that will be loaded, whichever finder found it; return whether it may be loaded."""
    origin = spec.origin if getattr(spec, "has_location", False) else None
    if not isinstance(origin, str) or not snapshot.owns(origin):
        if foreign is not None:
            foreign(name, spec)
        return True
    if snapshot.is_absent(origin):
        return False
    archive = getattr(spec.loader, "archive", None)
    if isinstance(archive, str):
        snapshot.note(archive)
    elif not origin.endswith(".py"):
        snapshot.note(origin)
    elif type(spec.loader) is not SourceFileLoader:  # a loader that may read the file by itself
        with suppress(OSError):
            snapshot.source(origin)
    return True


def _patch_loading(patches: Patches, snapshot: Snapshot, witness: Witness | None) -> None:
    get_code_from_disk, read = SourceFileLoader.get_code, SourceFileLoader.get_data
    keep, note_read = (witness.keep, witness.read) if witness else (_ignore, _ignore)
    known: dict[type, bool] = {}

    def is_plain(loader: type) -> bool:
        """Return whether a class of loaders compiles as Python does."""
        if loader not in known:
            known[loader] = all(getattr(loader, step) is getattr(SourceFileLoader, step) for step in _STEPS)
        return known[loader]

    def get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        if not snapshot.owns(path):
            return get_code_from_disk(self, fullname)
        plain = is_plain(type(self))
        if plain and (code := snapshot.code(path)) is not None:
            keep(path, code)
            return code
        try:
            found = get_code_from_disk(self, fullname)
        except _COMPILING as error:
            name_source(error, path, snapshot.source(path).source or b"")
            raise
        if plain and found is not None and found.co_filename == path:
            keep(path, found)
        return found

    def get_data(self: SourceFileLoader, path: str) -> bytes:
        if isinstance(path, str) and snapshot.owns(self.path):
            if path == self.path:
                note_read(path)
                return snapshot.source(path).source or b""
            if path.endswith(".pyc") and not pyc.is_clearly_younger(path, self.path):
                raise OSError(f"{path} may be stale")
        return read(self, path)

    patches.put(SourceFileLoader, "get_data", get_data)
    patches.put(SourceFileLoader, "get_code", get_code)


def _ignore(*_: object) -> None:
    return


def _patch_caching(patches: Patches, snapshot: Snapshot) -> None:
    """For code that is not in the snapshot, use and write a `.pyc` only if it cannot be stale."""
    stats, write = SourceFileLoader.path_stats, SourceFileLoader.set_data

    def path_stats(self: SourceFileLoader, path: str) -> Any:
        found = stats(self, path)
        if snapshot.owns(path) and not snapshot.is_on_disk(path):
            raise OSError(f"{path} has changed on the disk")
        return found

    def set_data(self: SourceFileLoader, path: str, data: bytes, *, _mode: int = 0o666) -> None:
        if not snapshot.owns(self.path) or pyc.is_clearly_over(os.stat(self.path)):
            write(self, path, data, _mode=_mode)

    patches.put(SourceFileLoader, "path_stats", path_stats)
    patches.put(SourceFileLoader, "set_data", set_data)


def _patch_lines(patches: Patches, snapshot: Snapshot, witness: Witness | None) -> None:
    """Make tracebacks show the source that ran: linecache never checks an entry without a time."""
    read_lines = linecache.updatecache
    note_read = witness.read if witness else _ignore

    def updatecache(filename: str, module_globals: dict[str, Any] | None = None) -> list[str]:
        data = snapshot.text_that_ran(filename)
        if data is None:
            return read_lines(filename, module_globals)
        note_read(filename)
        try:
            text = decode_source(data)
        except (SyntaxError, UnicodeDecodeError):
            text = data.decode("utf-8", "replace")
        lines = text.splitlines(keepends=True)
        linecache.cache[filename] = (len(data), None, lines, filename)
        return lines

    patches.put(linecache, "updatecache", updatecache)


def _patch_asking(patches: Patches, witness: Witness) -> None:
    """Let the witness hear of `importlib.import_module`, of modules that are loaded already too."""
    import_by_name, ask = _system._bootstrap._gcd_import, witness.ask

    def gcd_import(name: str, package: str | None = None, level: int = 0) -> ModuleType:
        module: ModuleType = import_by_name(name, package, level)
        ask(module.__name__)
        return module

    patches.put(_system._bootstrap, "_gcd_import", gcd_import)
