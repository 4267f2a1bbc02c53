"""Assets, files that only browsers load: joins the events of one save, and reports the changed files.

Law: they cause no edit, so they hold no request and replace no Worker. Unchanged content is not reported.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from devserver.common.tasks import Tasks
from devserver.watch.check.read import Content
from devserver.watch.notice.debounce import Batch, Debouncer, Kind
from devserver.watch.notice.debounce_timer import DebounceTimer
from devserver.watch.reports import AssetsSaved

Read = Callable[[Iterable[str]], Awaitable[list[Content]]]


class Assets:
    """`read` reads files; `report` gets those that changed."""

    def __init__(
        self,
        debouncer: Debouncer,
        read: Read,
        report: Callable[[AssetsSaved], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._debouncer = debouncer
        self._read = read
        self._report = report
        self._digests: dict[str, bytes] = {}
        self._timer = DebounceTimer(debouncer, self._on_time, loop)
        self._tasks = Tasks(loop)

    def touched(self, path: str, kind: Kind) -> None:
        """Note an event of an asset."""
        self._debouncer.note(path, kind, time.monotonic())
        self._timer.arm()

    async def close(self) -> None:
        """Stop: nothing more is reported."""
        self._timer.close()
        await self._tasks.cancel()

    def _on_time(self) -> None:
        for batch in self._debouncer.due(time.monotonic()):
            self._tasks.start(self._look(batch))

    async def _look(self, batch: Batch) -> None:
        contents = await self._read(list(batch.paths))
        empty = [content.path for content in contents if not content.data]
        if not self._debouncer.accept(batch.edit, empty, time.monotonic()):
            self._timer.arm()
            return
        changed = [
            content.path
            for content in contents
            if content.digest and self._digests.get(content.path) != content.digest
        ]
        self._digests.update((content.path, content.digest) for content in contents)
        if changed:
            self._report(AssetsSaved(tuple(changed)))
