"""What the disk holds, as far as it was read in this run, and how that differs from what runs: pure.

Law: what was read last counts. What does not compile never takes the place of what does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from devserver.common.failure import Failure
from devserver.ipc.messages import Source

Snapshot = dict[str, Source]
"""Path → what runs under it."""

MIXED = b"mixed"
"""The digest of what is not the same in all Workers of a generation: whatever the disk holds differs."""


@dataclass(slots=True)
class Disk:
    """The files of all edits. A file that no edit had is as the snapshots have it."""

    broken: dict[str, Failure] = field(default_factory=dict)
    """What does not compile, or cannot be read."""
    _warned: dict[str, bytes] = field(default_factory=dict)
    """Path → the broken content of which the user was told that it blocks nothing."""
    _files: Snapshot = field(default_factory=dict)
    _muted: set[str] = field(default_factory=set)

    def read(self, files: Sequence[Source], failures: Mapping[str, Failure], muted: Set[str]) -> None:
        """Take in the files of an edit; a difference in a `muted` one is no reason for a reload."""
        for file in files:
            self._files[file.path] = file
            self.broken.pop(file.path, None)
            (self._muted.add if file.path in muted else self._muted.discard)(file.path)
        self.broken |= failures

    def is_news(self, file: Source) -> bool:
        """Return whether the disk has held something else, or something good: not all may run `file`."""
        read = self._files.get(file.path)
        return read is not None and (read.digest != file.digest or file.path not in self.broken)

    def over(self, snapshot: Snapshot) -> Snapshot:
        """Return `snapshot` with everything put in that compiles, and what is absent left out.

        What is broken stays as it is in `snapshot`: a late import of it gets the text that was good.
        """
        good = {path: file for path, file in self._files.items() if path not in self.broken}
        return {path: file for path, file in {**snapshot, **good}.items() if file.digest}

    def as_read(self, snapshot: Snapshot, paths: Iterable[str]) -> Snapshot:
        """Return `snapshot` with these files as they were read, broken or not."""
        return {**snapshot, **{path: self._files[path] for path in paths if path in self._files}}

    def broken_beside(self, snapshot: Snapshot) -> dict[str, Failure]:
        """Return what is broken and not the same in `snapshot`."""
        return {
            path: failure
            for path, failure in self.broken.items()
            if digest_in(snapshot, path) != self._files[path].digest
        }

    def warn(self, snapshot: Snapshot) -> list[Failure]:
        """Return what is broken, once for each content: nothing uses it."""
        fresh = {
            path: failure
            for path, failure in self.broken_beside(snapshot).items()
            if self._warned.get(path) != self._files[path].digest
        }
        self._warned.update((path, self._files[path].digest) for path in fresh)
        return list(fresh.values())

    def known(self, snapshot: Snapshot) -> dict[str, bytes]:
        """Return path → digest of all that was read, and of what else is in `snapshot`."""
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
    """Note that Workers differ in `path`; those to come get what was there, or else what the disk holds."""
    known = snapshot.get(path, Source(path, MIXED, None))
    snapshot[path] = Source(path, MIXED, known.source, known.code)


def changes(old: Snapshot, new: Snapshot) -> tuple[Source, ...]:
    """Return what turns `old` into `new`; what is absent in `new` comes without source."""
    changed = [file for path, file in new.items() if file.digest != digest_in(old, path)]
    removed = [Source(path, b"", None) for path in old if path not in new]
    return tuple(sorted(changed + removed, key=lambda file: file.path))


def own_python(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Return those that a Worker can import: the rest (templates, settings) only cause the reload.

    Left out is also a mixed file without source: to a Worker it would be absent, but the disk holds it.
    """
    return tuple(
        source
        for source in sources
        if source.path.endswith(".py") and (source.digest != MIXED or source.source is not None)
    )
