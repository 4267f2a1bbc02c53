"""A Worker's record of its app's import, so that a copy may get other function bodies later.

Law: code counts as known only if an import got the very object that this record keeps, from the snapshot.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Literal

from devserver.common import foreign
from devserver.worker.load.modules import is_module_object, names_of
from devserver.worker.load.own import Own
from devserver.worker.warm.ran import Ran, recorder
from devserver.worker.warm.readers import Readers
from devserver.worker.warm.trees import walk

_IMPORTING = frozenset(("importlib", "_frozen_importlib", "_frozen_importlib_external"))
_IMPORTS = "<frozen importlib._bootstrap"
_Part = Literal["imports", "own", "library"]
"""Whose code a frame runs: the import system's, the app's or devserver's, or another's."""


def _is_whole(name: str) -> bool:
    """Return whether a module is completely imported."""
    module = sys.modules.get(name)
    spec = names_of(module).get("__spec__") if is_module_object(module) else None
    return not getattr(spec, "_initializing", False)


class Record:
    """Created before any code of the app runs, ended when everything is imported and nothing is started.

    `unavailable` is the reason why nothing can be swapped in this process, "" if swaps are possible.
    """

    def __init__(self, owns: Own, ran: Ran | None = None) -> None:
        self._owns = owns
        self._ran = ran or recorder()
        self.readers = Readers(self._key)
        self.trees: dict[str, list[CodeType]] = {}
        """The code of each own file, by the snapshot's path, once for each import."""
        self.importers: dict[int, str] = {}
        """The module that has imported a tree, by the tree's id; "" for the app's own."""
        self.before: dict[int, str] = {}
        """The last module that was completely imported before a tree, by the tree's id."""
        self.asked: dict[str, str] = {}
        """Modules that a library has had imported by their name as a text, loaded or not: by whom."""
        self._parts: dict[str, _Part] = {}
        """By the file of a frame: there are hundreds of frames above each import."""
        self.earlier: frozenset[str] = frozenset()
        """The modules that were there before."""
        self.unavailable = ""

    def _key(self, path: str) -> str | None:
        return self._owns.place(path) if self._owns(path) else None

    def begin(self) -> None:
        """Start recording."""
        self.earlier = frozenset(sys.modules)
        self.unavailable = self._ran.begin()
        if not self.unavailable:
            self.readers.begin()

    def keep(self, path: str, code: CodeType) -> None:
        """Record that an import is about to run `code`, the snapshot's for the own file at `path`."""
        if not self.unavailable:
            self.trees.setdefault(self._owns.place(path), []).append(code)
            self._ran.watch(walk(code))
            self._note_importers(code)

    def _note_importers(self, code: CodeType) -> None:
        self.importers[id(code)] = self._importer(sys._getframe(2))
        self.before[id(code)] = next((name for name in reversed(sys.modules) if _is_whole(name)), "")

    def ask(self, name: str) -> None:
        """Record that code has a module imported by its name as a text."""
        if importer := self._importer(sys._getframe(1)):
            self.asked.setdefault(name, importer)

    def _importer(self, frame: FrameType | None) -> str:
        """Return the module that has something imported, "" if it is the app's own or devserver does."""
        while frame is not None:
            file = frame.f_code.co_filename
            part = self._parts.get(file)
            if part is None:
                part = self._parts[file] = self._part_of(frame)
            if part != "imports":
                return "" if part == "own" else str(frame.f_globals.get("__name__", ""))
            frame = frame.f_back
        return ""

    def _part_of(self, frame: FrameType) -> _Part:
        file, module = frame.f_code.co_filename, str(frame.f_globals.get("__name__", ""))
        if file.startswith(_IMPORTS) or module.partition(".")[0] in _IMPORTING:
            return "imports"
        return "own" if file.startswith(foreign.DEVSERVER) or self._owns.has_code(file) else "library"

    def read(self, path: str) -> None:
        """Record that code reads the text of the own file at `path`."""
        self.readers.text(self._owns.place(path))

    def end(self) -> None:
        """Stop recording: later code is not in the image."""
        if self.unavailable:
            return
        self.readers.end()
        self.unavailable = self._ran.end(self.codes())
        if not self.unavailable and self.readers.child:
            self.unavailable = f"{self.readers.child} was started at import, and may have run the app's code"

    def codes(self) -> Iterator[CodeType]:
        """Yield all code that is kept."""
        for trees in self.trees.values():
            for tree in trees:
                yield from walk(tree)

    def has_run(self, code: CodeType) -> bool:
        """Return whether a kept code had run when recording ended."""
        return self._ran.has_run(code)

    def shown_lines(self, path: str) -> str:
        """Return what has shown lines of a file, "" if nothing has."""
        return "a warning" if path in self.readers.shown else ""

    def owns(self, path: str) -> bool:
        """Return whether a file is own."""
        return self._owns(os.path.abspath(path))

    def place(self, path: str) -> str:
        """Return the snapshot's path of a file."""
        return self._owns.place(os.path.abspath(path))
