"""What the Master asks of the watch of the files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol


class FileWatch(Protocol):
    """Reports each edit to the Master, which keeps it informed of what runs."""

    def newest_edit(self) -> int:
        """Return the number of the newest edit, strictly."""

    def attend(self, files: Iterable[tuple[str, bytes]], *, as_data: bool = False) -> None:
        """Watch these own files, which run with these digests; `as_data`: they were only read."""

    def keep(self, files: Iterable[str]) -> None:
        """Replace the files that may be imported at any time as they are now by these."""

    def is_unsettled(self, path: str) -> bool:
        """Return whether an edit that was noticed, and not reported yet, has this file."""

    def attend_everything(self, on: bool) -> None:
        """Watch every own file, because any may fix the code, or only those that run."""

    def reread(self, known: Mapping[str, bytes]) -> None:
        """Read all that matters: what differs from these digests is an edit, whatever was reported of it."""

    async def newest_edit_on_disk(self, known: Mapping[str, bytes]) -> int:
        """Return the number of the newest edit, strictly even where the system reports no changes."""

    def survey(self) -> None:
        """Read what lies beside the modules that run."""
