"""The file watch, as the Master needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol


class FileWatch(Protocol):
    """Reports each edit to the Master, which names to it the files that run."""

    def newest_edit(self) -> int:
        """Return the number of the newest edit, strictly."""

    def attend(self, files: Iterable[tuple[str, bytes]], *, as_data: bool = False) -> None:
        """Watch these own files, which run with these digests; `as_data`: they were only read."""

    def keep(self, files: Iterable[str]) -> None:
        """Set the files of the snapshot, which may be imported at any time."""

    def is_unsettled(self, path: str) -> bool:
        """Return whether an edit that is not reported yet has this file."""

    def attend_everything(self, on: bool) -> None:
        """Watch every own file, because any of them may fix the code, or only those that run."""

    def reread(self, known: Mapping[str, bytes]) -> None:
        """Read all files that matter; one that differs from these digests is an edit, even if reported
        before.
        """

    async def newest_edit_on_disk(self, known: Mapping[str, bytes]) -> int:
        """Return the number of the newest edit, strictly even if the system reports no changes."""

    def survey(self, after: float = 0.0) -> None:
        """After that many seconds, read the files beside the modules that run; the last call counts."""
