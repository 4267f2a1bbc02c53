"""Notices that a watched folder is gone, is back, or was replaced by another one.

Law: a folder that is moved or replaced together with the one above it causes no event. So its identity is
checked every moment, off the loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence

from devserver.common.tasks import OffLoop

EVERY = 0.5
"""Seconds between two checks."""

Identity = tuple[int, int] | None
"""Device and inode; None: there is no such folder."""


class FolderIdentities:
    """`off_loop` runs the check; `gone` and `came` are called on the loop when a folder has changed."""

    def __init__(
        self,
        tops: Callable[[], Iterable[str]],
        off_loop: OffLoop,
        gone: Callable[[str], None],
        came: Callable[[str], None],
    ) -> None:
        self._tops = tops
        self._off_loop = off_loop
        self._gone = gone
        self._came = came
        self._known: dict[str, Identity] = {}

    async def watch(self) -> None:
        """Check until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    def left(self, folder: str) -> None:
        """Note that a folder and all below it are gone: a new one is another, even with the same inode."""
        for top in [top for top in self._known if top == folder or top.startswith(folder + os.sep)]:
            if self._known[top] is not None:
                self._known[top] = None
                self._gone(top)

    async def look(self) -> None:
        """Check once. A folder that is seen for the first time is neither gone nor new."""
        tops = list(self._tops())
        before = dict(self._known)
        found = await self._off_loop(lambda: identities(tops))
        left = {top for top in found if self._known.get(top) != before.get(top)}  # found before that, maybe
        self._known = found | dict.fromkeys(left)
        for top, identity in found.items():
            if top not in left and before.get(top, identity) != identity:
                (self._gone if identity is None else self._came)(top)


def identities(folders: Sequence[str]) -> dict[str, Identity]:
    """Return the identity of each folder."""
    return {folder: _identity(folder) for folder in folders}


def _identity(folder: str) -> Identity:
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino
