"""The file watch, over a disk that is a dictionary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from devserver.common.failure import Failure
from tests.fakes.simulation.app_files import source

if TYPE_CHECKING:
    from tests.fakes.simulation.master import SimulatedMaster


class SimulatedFileWatch:
    """Reports edits of the files that matter; a test says when each settles and is read."""

    def __init__(self, master: SimulatedMaster) -> None:
        self.master = master
        self.newest = 0
        self.unread: list[tuple[int, set[str]]] = []
        self.attended: dict[str, bytes] = {}
        self.kept: frozenset[str] = frozenset()
        self.everything = False
        self.survey_due = False
        self._passed_over: set[str] = set()
        self._reported: dict[str, bytes] = {}

    def matters(self, path: str) -> bool:
        beside = any(path.rpartition("/")[0] == other.rpartition("/")[0] for other in self.attended)
        return self.everything or beside or path in self.kept or path in self.attended

    def touched(self, path: str, *, joins: bool = False) -> None:
        if not self.matters(path):
            self._passed_over.add(path)
        elif self.unread and joins:
            self.unread[-1][1].add(path)
        else:
            self.newest += 1
            self._passed_over.clear()
            self.unread.append((self.newest, {path}))
            self.master.book.on_edit_noticed(self.newest)

    def is_unread(self, path: str) -> bool:
        return any(path in paths for _, paths in self.unread)

    def settle(self) -> None:
        """Read the files of the oldest edit."""
        edit, paths = self.unread.pop(0)
        disk = self.master.disk
        broken = {path for path in paths if path in disk and disk[path].fault == "typo"}
        failures = {path: Failure("check", "SyntaxError", f"typo in {path}") for path in broken}
        files = [source(path, disk.get(path)) for path in sorted(paths)]
        self._reported.update((file.path, file.digest) for file in files)
        self.master.apply(self.master.book.on_edit_checked(edit, files, failures))

    def attend(self, files: Iterable[tuple[str, bytes]]) -> None:
        for path, digest in files:
            if self.attended.get(path) != digest:
                self.attended[path] = digest
                found = source(path, self.master.disk.get(path)).digest
                if found != self._reported.get(path, digest) and not self.is_unread(path):
                    self.touched(path)

    def attend_everything(self, on: bool) -> None:
        if on and not self.everything:
            self.everything = True
            for path in sorted(self._passed_over):
                self.touched(path, joins=True)
        self.everything = on

    def survey(self, after: float = 0.0) -> None:
        """Read the files beside those that run."""
        self.survey_due = False
        disk = self.master.disk
        beside = [path for path in disk if path not in self.attended and self.matters(path)]
        self.master.surveyed([source(path, disk[path]) for path in beside if not self.is_unread(path)])
