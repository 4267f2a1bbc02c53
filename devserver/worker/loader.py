"""Imports the app's own modules from the snapshot of the Worker's generation.

Law: a module of the snapshot runs as the snapshot has it, whatever the disk holds by now. An own module that
is not in it is read from the disk once, joins it, and is reported before it runs. A `.pyc` is used where it
cannot be stale, hence never for what was edited in this run.
"""

from __future__ import annotations

import importlib.util
import linecache
import marshal
import os
import site
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

from devserver.failure import name_source
from devserver.wire.digest import digest
from devserver.wire.messages import Source
from devserver.worker import bytecode

_INSTALLED = ("site-packages", "dist-packages")

Foreign = Callable[[str, ModuleSpec], None]
"""Is told of each module that was found and is no source of the app's, whether or not it is imported then."""


@cache
def foreign_folders() -> tuple[str, ...]:
    """Return the folders of the standard library, of installed distributions and of this package."""
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [*site.getsitepackages(), site.getusersitepackages()]
    folders.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folders += map(os.path.realpath, folders[:])
    return tuple({os.path.join(folder, "") for folder in folders})


def _has_text(path: str) -> bool:
    """Return whether a path is valid Unicode: else the others cannot be told of it."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


class Snapshot:
    """The own modules of one generation, by real path; grows by what is read from the disk.

    `report` is called with each Source that was read, before it runs; `use` with the real path of each that
    was there already, the first time that it is asked for.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        report: Callable[[Source], None],
        use: Callable[[str], None] = lambda _path: None,
    ) -> None:
        self._sources = dict(sources)
        self._report = report
        self._use = use
        self._foreign = foreign_folders()
        self._folders = {folder for path in sources for folder in _ancestors(path)}
        self._names = {_module_name(path) for path in sources}
        self._names |= {os.path.basename(folder) for folder in self._folders}
        self.used: dict[str, None] = {}
        """Real paths of the own modules that were imported, or tried to be, in their order."""

    def owns(self, path: str) -> bool:
        """Return whether the file at `path` is the app's own."""
        real = os.path.realpath(path)
        if real in self._sources:
            return True
        if any(part in _INSTALLED for part in path.split(os.sep)) or not _has_text(real):
            return False
        return not (path.startswith(self._foreign) or real.startswith(self._foreign))

    def source(self, path: str) -> Source:
        """Return the module at `path`, from the snapshot or else, once, from the disk. Raises OSError."""
        real = os.path.realpath(path)
        source = self._sources.get(real)
        if source is not None and real not in self.used:
            self._use(real)
        self.used[real] = None
        if source is None:
            with open(real, "rb") as file:
                status, data = os.fstat(file.fileno()), file.read()
            source = Source(real, digest(data), data, _marshalled(data, path, status))
            self._sources[real] = source
            self._report(source)
        if source.source is None:
            raise FileNotFoundError(2, "absent from this generation", path)
        return source

    def code(self, path: str) -> CodeType:
        """Return the code of the module at `path`. Raises what compile() raises, and OSError."""
        source = self.source(path)
        data = source.source or b""
        _prime_linecache(path, data)
        if source.code is not None:
            code = marshal.loads(source.code)
            if isinstance(code, CodeType) and code.co_filename == path:
                return code
        return _compile(data, path)

    def holds(self, path: str) -> bool | None:
        """Return whether the snapshot has a module at `path`: None if it says nothing of it."""
        source = self._sources.get(os.path.realpath(path))
        return None if source is None else source.source is not None

    def find(self, name: str, path: Iterable[str]) -> ModuleSpec | None:
        """Find a module of the snapshot in the folders `path`, in their order, without a look at the disk."""
        tail = name.rpartition(".")[2]
        if tail not in self._names:
            return None
        namespace = []
        for entry in path:
            base = os.path.join(os.path.abspath(entry), tail)
            for file in (os.path.join(base, "__init__.py"), f"{base}.py"):
                if self.holds(file):
                    return self.spec(name, file, [base] if file != f"{base}.py" else None)
            if os.path.realpath(base) in self._folders:
                namespace.append(base)
        if not namespace:
            return None
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = namespace
        return spec

    def spec(self, name: str, file: str, package: list[str] | None) -> ModuleSpec | None:
        """Return how to load `file` as module `name`; `package` is where its submodules are looked for."""
        loader = SnapshotLoader(name, file, self)
        return importlib.util.spec_from_file_location(
            name, file, loader=loader, submodule_search_locations=package
        )


class SnapshotLoader(SourceFileLoader):
    """Loads one own module; everything that asks it for source or code gets what runs."""

    def __init__(self, fullname: str, path: str, snapshot: Snapshot) -> None:
        super().__init__(fullname, path)
        self._snapshot = snapshot

    def get_code(self, fullname: str) -> CodeType:
        return self._snapshot.code(str(self.get_filename(fullname)))

    def get_data(self, path: str) -> bytes:
        if path == self.path:
            return self._snapshot.source(path).source or b""
        return super().get_data(path)


class SnapshotFinder:
    """First on sys.meta_path: asks the others, and takes over what is the app's own."""

    def __init__(self, snapshot: Snapshot, foreign: Foreign | None = None) -> None:
        self._snapshot = snapshot
        self._foreign = foreign

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as the import system asks for it."""
        folders = sys.path if path is None else path
        spec = self._ask_others(fullname, path, target)
        kept = self._snapshot.find(fullname, folders)
        if kept is not None and not self._is_found_before(spec, kept, folders):
            return kept
        if spec is not None and type(spec.loader) is SourceFileLoader and spec.origin:
            if self._snapshot.holds(spec.origin) is False:
                raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
            if self._snapshot.owns(spec.origin):
                spec.loader = SnapshotLoader(fullname, spec.origin, self._snapshot)
                return spec
        if spec is not None and self._foreign is not None:
            self._foreign(fullname, spec)
        return spec

    def _ask_others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in sys.meta_path:
            find_spec = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec(fullname, path, target) if find_spec else None
            if spec is not None:
                return spec
        return None

    def _is_found_before(self, spec: ModuleSpec | None, kept: ModuleSpec, folders: Sequence[str]) -> bool:
        """Return whether what the disk has comes first on the path: not so where an edit put it there."""
        if spec is None or spec.loader is None or spec.origin is None:
            return False  # nothing, or a namespace: a folder whose files are gone
        if not spec.has_location:
            return True
        if kept.loader is None:
            return self._snapshot.holds(spec.origin) is not False  # a file rather than a namespace
        if self._snapshot.holds(spec.origin):
            return True
        return not self._snapshot.owns(spec.origin) and _position(spec.origin, folders) <= _position(
            kept.origin or "", folders
        )


def install(snapshot: Snapshot, foreign: Foreign | None = None) -> None:
    """Make every import of an own module go through `snapshot`; `foreign` is told of the others."""
    sys.meta_path.insert(0, SnapshotFinder(snapshot, foreign))
    for folder in list(sys.path_importer_cache):
        if snapshot.owns(folder):  # listed before the fork
            del sys.path_importer_cache[folder]


def _compile(data: bytes, path: str) -> CodeType:
    try:
        code: CodeType = compile(data, path, "exec", dont_inherit=True)
    except Exception as error:
        name_source(error, path, data)
        raise
    return code


def _marshalled(data: bytes, path: str, status: os.stat_result) -> bytes | None:
    """Return the code to keep; None for source that does not compile: importing it tells why."""
    code = bytecode.read(path, status)
    if code is None:
        try:
            code = _compile(data, path)
        except Exception:  # SyntaxError, ValueError, and for hostile nesting MemoryError and RecursionError
            return None
        bytecode.write(path, status, code)
    return marshal.dumps(code)


def _prime_linecache(path: str, data: bytes) -> None:
    """Let tracebacks show what ran: an entry without a time is never compared with the disk."""
    try:
        lines = importlib.util.decode_source(data).splitlines(keepends=True)
    except (SyntaxError, UnicodeDecodeError):
        lines = data.decode("utf-8", "replace").splitlines(keepends=True)
    linecache.cache[path] = (len(data), None, lines, path)


def _module_name(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.basename(folder) if name == "__init__.py" else name.removesuffix(".py")


def _ancestors(path: str) -> list[str]:
    folders = []
    while (folder := os.path.dirname(path)) != path:
        folders.append(folder)
        path = folder
    return folders


def _position(origin: str, folders: Sequence[str]) -> int:
    """Return which of `folders` a module's file is in, directly or as a package's `__init__.py`."""
    nearest = (os.path.dirname(origin), os.path.dirname(os.path.dirname(origin)))
    entries = [os.path.abspath(folder) for folder in folders]
    return min((entries.index(folder) for folder in nearest if folder in entries), default=len(entries))
