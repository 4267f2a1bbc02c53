"""The files on the disk, as far as they were read in this run, compared with the running ones: pure.

Law: the last read counts. Text that does not compile never replaces text that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from devserver.common.failure import Failure
from devserver.ipc.messages import Source

Snapshot = dict[str, Source]
"""Path → the source that runs."""

MIXED = b"mixed"
"""The digest of a file that differs between Workers of a generation: it equals no digest on the disk."""


@dataclass(slots=True)
class Disk:
    """The files of all edits. A file that no edit had is as in the snapshots."""

    broken: dict[str, Failure] = field(default_factory=dict)
    """Files that do not compile or cannot be read."""
    _warned: dict[str, bytes] = field(default_factory=dict)
    """Path → the broken content that the user was warned of."""
    _files: Snapshot = field(default_factory=dict)
    _muted: set[str] = field(default_factory=set)

    def read(self, files: Sequence[Source], failures: Mapping[str, Failure], muted: Set[str]) -> None:
        """Record the files of an edit; a change of a `muted` one is no reason for a reload."""
        for file in files:
            self._files[file.path] = file
            self.broken.pop(file.path, None)
            (self._muted.add if file.path in muted else self._muted.discard)(file.path)
        self.broken |= failures

    def is_outdated(self, file: Source) -> bool:
        """Return whether the disk has held other or good text since, so some code may not run `file`."""
        read = self._files.get(file.path)
        return read is not None and (read.digest != file.digest or file.path not in self.broken)

    def over(self, snapshot: Snapshot) -> Snapshot:
        """Return `snapshot` with every file that compiles, and without the absent ones.

        For a broken file it keeps the text of `snapshot`, so a late import gets the last good one.
        """
        good = {path: file for path, file in self._files.items() if path not in self.broken}
        return {path: file for path, file in {**snapshot, **good}.items() if file.digest}

    def as_read(self, snapshot: Snapshot, paths: Iterable[str]) -> Snapshot:
        """Return `snapshot` with these files as read, broken or not."""
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
        """Return path → digest of every file that was read, and of the rest of `snapshot`."""
        return {path: file.digest for path, file in {**snapshot, **self._files}.items()}

    def differs(self, snapshot: Snapshot) -> bool:
        """Return whether the files on the disk are a reason for a reload, if `snapshot` runs."""
        return any(
            digest_in(snapshot, path) != file.digest
            for path, file in self._files.items()
            if path not in self.broken and path not in self._muted
        )


def digest_in(snapshot: Snapshot, path: str) -> bytes:
    """Return the digest of a file, b"" if it is absent."""
    return snapshot[path].digest if path in snapshot else b""


def mix(snapshot: Snapshot, path: str) -> None:
    """Note that Workers differ in `path`. Later ones get the text of the snapshot, or that of the disk."""
    known = snapshot.get(path, Source(path, MIXED, None))
    snapshot[path] = Source(path, MIXED, known.source, known.code)


def changes(old: Snapshot, new: Snapshot) -> tuple[Source, ...]:
    """Return the changes from `old` to `new`; a file that is absent in `new` comes without source."""
    changed = [file for path, file in new.items() if file.digest != digest_in(old, path)]
    removed = [Source(path, b"", None) for path in old if path not in new]
    return tuple(sorted(changed + removed, key=lambda file: file.path))


def own_python(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Return the files that a Worker can import: others (templates, settings) only cause reloads.

    Without mixed files that have no source: a Worker would take them for absent, but the disk has them.
    """
    return tuple(
        source
        for source in sources
        if source.path.endswith(".py") and (source.digest != MIXED or source.source is not None)
    )
