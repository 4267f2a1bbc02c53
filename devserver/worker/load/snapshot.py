"""The own modules of one generation: their sources, their places, and which of them are used.

Law: the snapshot's source of a file runs, whatever the disk holds by now. An own file that the snapshot lacks
is read from the disk once, joins it, and is reported before it runs.
"""

from __future__ import annotations

import marshal
import os
from collections.abc import Callable, Iterable, Mapping
from types import CodeType

from devserver.ipc.messages import Source
from devserver.ipc.source_digest import digest, digest_of_file
from devserver.worker.load import pyc
from devserver.worker.load.own import Own

PACKAGE = "__init__.py"


class Snapshot:
    """Sources by their path in their real folder (they may be links); grows by what is read from the disk.

    `report` is called with each Source that was read, before it runs. `use` gets the path of each Source that
    was there already, at its first use. It also gets the path of each folder that was looked into, with a
    separator at its end.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        report: Callable[[Source], None],
        use: Callable[[str], None] = lambda _path: None,
    ) -> None:
        self._sources: dict[str, Source] = {}
        self._report = report
        self._use = use
        self._fresh: dict[str, CodeType] = {}
        """Code that was compiled when the source was read, until its first use."""
        self._known_in: set[str] = set()
        """Folders with a known file."""
        self._path: list[str] = []
        self._above: set[str] = set()
        """Folders that have a file of the snapshot in them or below."""
        self.owns = Own()
        self.missed: set[str] = set()
        """The last parts of module names that imports have not found."""
        self.used: dict[str, None] = {}
        """The own files and folders that imports have used, in order."""
        for source in sources.values():
            if source.source is not None or not source.digest:
                self._add(source)

    def renew(self, sources: Iterable[Source]) -> None:
        """Replace these sources: this copy of the process runs another generation."""
        for source in sources:
            self._add(source)

    def _add(self, source: Source) -> None:
        path = source.path
        self._sources[path] = source
        folder, _, name = path.rpartition(os.sep)
        self._known_in.add(folder)
        if name == PACKAGE:
            self._known_in.add(os.path.dirname(folder))
        if source.source is None:
            return
        above = self._above
        while folder and folder not in above:
            above.add(folder)
            folder = folder.rpartition(os.sep)[0]
            self._known_in.add(folder)

    def digests(self) -> dict[str, bytes]:
        """Return the digest of each file that is known, by path."""
        return {path: source.digest for path, source in self._sources.items()}

    # where modules are

    def holds(self, path: str) -> bool | None:
        """Return whether this generation has a file at the real `path`, None if that is not known."""
        source = self._sources.get(path)
        return None if source is None else source.source is not None

    def is_known_in(self, folder: str) -> bool:
        """Return whether the snapshot knows a file in the real `folder`."""
        return folder in self._known_in

    def is_above(self, folder: str) -> bool:
        """Return whether some file of the snapshot is in the real `folder` or below it."""
        return folder in self._above

    def is_absent(self, path: str) -> bool:
        """Return whether the file at `path` is absent from this generation."""
        return self.holds(self.owns.place(path)) is False

    # what modules contain

    def source(self, path: str, *, plain: bool = False) -> Source:
        """Return the file at `path`, from the snapshot or else, once, from the disk. Raises OSError.

        `plain`: the caller wants its code next, as Python compiles it.
        """
        key = self.owns.place(path)
        source = self._sources.get(key)
        if source is None:
            self.used[key] = None
            source = self._read(key, path, plain)
        elif key not in self.used:
            self.used[key] = None
            self._use(key)
        if source.source is None:
            raise FileNotFoundError(2, "absent from this generation", path)
        return source

    def _read(self, key: str, path: str, plain: bool) -> Source:
        behind = self._sources.get(os.path.realpath(key)) if os.path.islink(key) else None
        if behind is not None and behind.source is not None:
            source = Source(key, behind.digest, behind.source)
        else:
            with open(key, "rb") as file:
                status, data = os.fstat(file.fileno()), file.read()
            code = self._compile(data, path, status) if plain else None
            source = Source(key, digest(data), data, marshal.dumps(code) if code else None)
        self._add(source)
        self._report(source)
        return source

    def _compile(self, data: bytes, path: str, status: os.stat_result) -> CodeType | None:
        """Return the code; None for source that does not compile, for which the import raises the reason."""
        code = pyc.read(path, status)
        if code is None:
            try:
                code = compile(data, path, "exec", dont_inherit=True)
            except Exception:  # SyntaxError, ValueError, and for hostile nesting MemoryError, RecursionError
                return None
            pyc.write(path, status, code)
        self._fresh[path] = code
        return code

    def code(self, path: str) -> CodeType | None:
        """Return the code of a module as Python compiles it, None if it is not known. Raises OSError."""
        source = self.source(path, plain=True)
        code: object = self._fresh.pop(path, None)
        if code is None and source.code is not None:
            code = marshal.loads(source.code)
        return code if isinstance(code, CodeType) and code.co_filename == path else None

    def text_that_ran(self, path: str) -> bytes | None:
        """Return the source of an own module that was imported, None for any other file."""
        key = self.owns.place(path)
        return self._sources[key].source if key in self.used and key in self._sources else None

    def looked_in(self, folder: str, real: str) -> None:
        """Record that an import has looked into `folder`: if it is own, a new file in it matters."""
        if self.owns(os.path.join(folder, "")):
            self._use_folder(real)

    def looked_for(self, name: str, path: Iterable[object]) -> None:
        """Record that an import has found no `name` on `path`: a new folder of that name there matters."""
        tail = name.rpartition(".")[2]
        self.missed.add(tail)
        for entry in path:
            if isinstance(entry, str) and self.owns(os.path.join(entry, "")):
                self._use_folder(os.path.join(self.owns.folder(entry), tail))

    def note_path(self, path: list[str]) -> None:
        """Record the search path: its own entries that are not folders matter, too."""
        if path == self._path:
            return
        fresh = [entry for entry in path if isinstance(entry, str) and entry not in self._path]
        self._path = path[:]
        for entry in fresh:
            if entry and not os.path.isdir(entry) and self.owns(entry):
                self._use_folder(self.owns.place(os.path.abspath(entry)))
                self.note(os.path.abspath(entry))

    def _use_folder(self, folder: str) -> None:
        key = os.path.join(folder, "")
        if key not in self.used:
            self.used[key] = None
            self._use(key)

    def is_on_disk(self, path: str) -> bool:
        """Return whether the file at `path` on the disk equals the snapshot's."""
        try:
            with open(path, "rb") as file:
                return file.read() == self.source(path).source
        except OSError:
            return False

    def note(self, path: str) -> None:
        """Report the present state of an own file that another loader reads."""
        key = self.owns.place(path)
        if key in self.used:
            return
        self.used[key] = None
        if key in self._sources:
            self._use(key)
        elif found := digest_of_file(key):
            self._report(Source(key, found, None))
        else:  # it may be created later
            self._use(key)
