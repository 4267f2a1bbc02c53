"""Handles the Workers' reports of files that they import, read, run and create.

Law: the files that the live code or a candidate uses are watched; older code does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from devserver.ipc import messages
from devserver.ipc.messages import Source
from devserver.master.reload.commands import Command
from devserver.master.reload.created_files import CreatedFiles
from devserver.master.reload.disk import digest_in
from devserver.master.reload.file_watch import FileWatch
from devserver.master.reload.generations import Generations


class SourceReports:
    """`stamp` notices all edits up to now. Set `watch` before the first report."""

    watch: FileWatch

    def __init__(self, generations: Generations, created: CreatedFiles, stamp: Callable[[], int]) -> None:
        self._generations = generations
        self._created = created
        self._stamp = stamp

    def joins(self, generation: int, source: Source) -> bool:
        """Record a file that a Worker has read; return whether further Workers of its generation may get it.

        Notice finished saves first: the Worker may have read one of them.
        """
        self._stamp()
        unsettled = self.watch.is_unsettled(source.path) or self._created.holds(source.path)
        return self._generations.on_file_loaded(generation, source, unsettled)

    def used(self, generation: int, paths: Sequence[str]) -> list[Command]:
        """A Worker uses these files: watch them.

        A file that the snapshot lacks was looked for in vain: creating it may fix a refused save.
        """
        snapshot = self._generations.snapshot_of(generation)
        if snapshot is None:
            return []
        self.watch.attend([(path, digest_in(snapshot, path)) for path in paths])
        return self._generations.on_files_used(generation, paths)

    def received(self, message: messages.Used | messages.Opened | messages.Creates) -> list[Command]:
        """Handle a report; return the decisions."""
        match message:
            case messages.Used():
                return self.used(message.generation, message.paths)
            case messages.Opened():
                return self._opened(message)
            case messages.Creates():
                self._creates(message)
        return []

    def _opened(self, message: messages.Opened) -> list[Command]:
        """The app has run or read files by itself: record them, and watch them."""
        snapshot = self._generations.snapshot_of(message.generation)
        if snapshot is None:
            return []
        for file in message.files:
            self.joins(message.generation, Source(file.path, file.digest, None))
            self.watch.attend([(file.path, digest_in(snapshot, file.path))], as_data=not file.executed)
        run = [file.path for file in message.files if file.executed]
        return self._generations.on_files_used(message.generation, run)

    def _creates(self, message: messages.Creates) -> None:
        """A Worker creates a file, or has created it; after its boot, that counts as a save."""
        first = message.generation != self._generations.live
        self._created.on_reported(message if first or not message.digest else replace(message, digest=b""))
