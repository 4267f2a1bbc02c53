"""What the disk holds, as far as it was read in this run, and its difference from what runs: pure.

Law: what was read last counts. Text that does not compile never replaces text that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from devserver.common.failure import Failure
from devserver.ipc.messages import Source

Snapshot = dict[str, Source]
"""Path → what runs under it."""

MIXED = b"mixed"
"""The digest of a file that differs between Workers of a generation: it equals no digest on the disk."""


@dataclass(slots=True)
class Disk:
    """The files of all edits. A file that no edit had is as the snapshots have it."""

    broken: dict[str, Failure] = field(default_factory=dict)
    """What does not compile, or cannot be read."""
    _warned: dict[str, bytes] = field(default_factory=dict)
    """Path → the broken content that was reported to the user as blocking nothing."""
    _files: Snapshot = field(default_factory=dict)
    _muted: set[str] = field(default_factory=set)

    def read(self, files: Sequence[Source], failures: Mapping[str, Failure], muted: Set[str]) -> None:
        """Record the files of an edit; a difference in a `muted` one is no reason for a reload."""
        for file in files:
            self._files[file.path] = file
            self.broken.pop(file.path, None)
            (self._muted.add if file.path in muted else self._muted.discard)(file.path)
        self.broken |= failures

    def is_news(self, file: Source) -> bool:
        """Return whether the disk has held other or good text, so that some code may not run `file`."""
        read = self._files.get(file.path)
        return read is not None and (read.digest != file.digest or file.path not in self.broken)

    def over(self, snapshot: Snapshot) -> Snapshot:
        """Return `snapshot` with every file that compiles, and without the absent ones.

        A broken file stays as it is in `snapshot`: a late import of it gets the last good text.
        """
        good = {path: file for path, file in self._files.items() if path not in self.broken}
        return {path: file for path, file in {**snapshot, **good}.items() if file.digest}

    def as_read(self, snapshot: Snapshot, paths: Iterable[str]) -> Snapshot:
        """Return `snapshot` with these files as they were read, broken or not."""
        return {**snapshot, **{path: self._files[path] for path in paths if path in self._files}}

    def broken_beside(self, snapshot: Snapshot) -> dict[str, Failure]:
        """Return the broken files that differ in `snapshot`."""
        return {
            path: failure
            for path, failure in self.broken.items()
            if digest_in(snapshot, path) != self._files[path].digest
        }

    def warn(self, snapshot: Snapshot) -> list[Failure]:
        """Return the broken files that nothing uses, once for each content."""
        fresh = {
            path: failure
            for path, failure in self.broken_beside(snapshot).items()
            if self._warned.get(path) != self._files[path].digest
        }
        self._warned.update((path, self._files[path].digest) for path in fresh)
        return list(fresh.values())

    def known(self, snapshot: Snapshot) -> dict[str, bytes]:
        """Return path → digest of all that was read, and of the rest of `snapshot`."""
        return {path: file.digest for path, file in {**snapshot, **self._files}.items()}

    def differs(self, snapshot: Snapshot) -> bool:
        """Return whether there is a reason to try what the disk holds, if `snapshot` runs."""
        return any(
            digest_in(snapshot, path) != file.digest
            for path, file in self._files.items()
            if path not in self.broken and path not in self._muted
        )


def digest_in(snapshot: Snapshot, path: str) -> bytes:
    """Return the digest of a file, b"" if it is absent."""
    return snapshot[path].digest if path in snapshot else b""


def mix(snapshot: Snapshot, path: str) -> None:
    """Note that Workers differ in `path`. Later ones get the text of the snapshot, or what the disk holds."""
    known = snapshot.get(path, Source(path, MIXED, None))
    snapshot[path] = Source(path, MIXED, known.source, known.code)


def changes(old: Snapshot, new: Snapshot) -> tuple[Source, ...]:
    """Return the changes from `old` to `new`; a file that is absent in `new` comes without source."""
    changed = [file for path, file in new.items() if file.digest != digest_in(old, path)]
    removed = [Source(path, b"", None) for path in old if path not in new]
    return tuple(sorted(changed + removed, key=lambda file: file.path))


def own_python(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Return the files that a Worker can import: the rest (templates, settings) only cause the reload.

    A mixed file without source is left out, too: a Worker would take it for absent, but the disk holds it.
    """
    return tuple(
        source
        for source in sources
        if source.path.endswith(".py") and (source.digest != MIXED or source.source is not None)
    )
