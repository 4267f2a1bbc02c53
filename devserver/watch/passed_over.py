"""Remembers saves of Python files that did not matter: an import or a refused save may change that."""

from __future__ import annotations

import os

from devserver.watch.notice.debounce import Kind

MOST = 1000


class PassedOver:
    """The files saved since the last edit began, each with its last event."""

    def __init__(self) -> None:
        self._files: dict[str, Kind] = {}

    def note(self, path: str, kind: Kind) -> None:
        """Remember an event of a file that does not matter, if it is a Python file."""
        if path.endswith(".py") and len(self._files) < MOST:
            self._files[path] = kind

    def take(self, folder: str = "") -> dict[str, Kind]:
        """Return the files in a folder and below it ("": all files), and forget them."""
        inside = os.path.join(folder, "") if folder else ""
        taken = {path: kind for path, kind in self._files.items() if path.startswith(inside)}
        for path in taken:
            del self._files[path]
        return taken

    def forget(self) -> None:
        """Forget all files: an edit has begun, and its code will read them anyway."""
        self._files.clear()
