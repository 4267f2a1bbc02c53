"""Polls files on mounts that report no changes, without waiting for a mount that does not answer.

Law: a mount that hangs blocks the loop for `PATIENCE` once, and then not again until it answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from devserver.ipc.source_digest import Signature
from devserver.watch.check.read import signature

PATIENCE = 0.1
"""Seconds."""
Seen = dict[str, Signature | None]


class UnwatchedFiles:
    """`hangs` is called each time that a mount does not answer in time."""

    def __init__(
        self,
        hangs: Callable[[], None],
        signature: Callable[[str], Signature | None] = signature,
        patience: float = PATIENCE,
    ) -> None:
        self._hangs = hangs
        self._signature = signature
        self._patience = patience
        self._looking: threading.Thread | None = None

    def signatures(self, paths: Iterable[str]) -> Seen:
        """Return the files' signatures now; an empty result if a mount does not answer."""
        wanted = list(paths)
        if not wanted or (self._looking is not None and self._looking.is_alive()):
            return {}
        found: Seen = {}

        def look() -> None:
            found.update({path: self._signature(path) for path in wanted})

        self._looking = threading.Thread(target=look, name="watch-look", daemon=True)
        self._looking.start()
        self._looking.join(self._patience)
        if self._looking.is_alive():
            self._hangs()
            return {}
        return found
