"""Numbers each edit at its first event; reads, checks and reports it once its events are over.

Law: every edit that was noticed is settled, in the order of the numbers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from devserver.common.tasks import Tasks
from devserver.config import WatchConfig
from devserver.watch.check.checker import Findings, SourceChecker
from devserver.watch.check.read import Content
from devserver.watch.notice.debounce import Batch, Debouncer, Kind
from devserver.watch.notice.debounce_timer import DebounceTimer
from devserver.watch.reports import EditChecked, EditNoticed, Report


class EditReader:
    """`wake` drains the kernel's events. `on_read` gets the contents of an edit before the check."""

    def __init__(
        self,
        config: WatchConfig,
        checker: SourceChecker,
        wake: Callable[[], None],
        on_read: Callable[[Sequence[Content]], None],
        report: Callable[[Report], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._checker = checker
        self._wake = wake
        self._on_read = on_read
        self._report = report
        self._loop = loop
        self._debouncer = Debouncer(config.settle, config.settle_modified, config.settle_cap)
        self.noted: dict[str, None] = {}
        """Files with events that `announce` has not reported yet."""
        self._begun = False
        self.digests: dict[str, bytes] = {}
        """Path → the digest that the last edit of the file found."""
        self._judged: dict[int, set[str]] = {}
        """Edit → its files, from the read until the report."""
        self._settled: dict[int, EditChecked] = {}
        self._reported = 0
        self._timer = DebounceTimer(self._debouncer, self._on_time, loop)
        self._tasks = Tasks(loop)

    @property
    def newest(self) -> int:
        """Return the number of the newest edit, 0 if there was none."""
        return self._debouncer.newest

    @property
    def unsettled(self) -> int:
        """Return the number of the newest edit if it was not reported yet, else 0."""
        newest = self._debouncer.newest
        return newest if newest > self._reported else 0

    def is_unread(self, path: str) -> bool:
        """Return whether an edit that is not read yet has `path`."""
        return self._debouncer.is_unread(path)

    def is_unsettled(self, path: str) -> bool:
        """Return whether an edit that is not reported yet has `path`."""
        return self._debouncer.is_unread(path) or any(path in paths for paths in self._judged.values())

    def note(self, path: str, kind: Kind) -> bool:
        """Add an event; return whether it has begun an edit. `announce` reports it."""
        begun = self._debouncer.note(path, kind, time.monotonic())
        self._begun |= begun
        self.noted[path] = None
        return begun

    def announce(self) -> None:
        """Report the edit that the noted events have begun, and read it once they are over."""
        paths, self.noted = tuple(self.noted), {}
        if self._begun:
            self._begun = False
            self._report(EditNoticed(self._debouncer.newest, paths))
        if paths:
            self._timer.arm()

    async def close(self) -> None:
        """Stop: nothing more is read."""
        self._timer.close()
        await self._tasks.cancel()

    def _on_time(self) -> None:
        self._wake()
        for batch in self._debouncer.due(time.monotonic()):
            self._tasks.start(self._settle(batch))

    async def _settle(self, batch: Batch) -> None:
        looked = time.monotonic()
        contents: list[Content] = []
        packages: list[Content] = []
        try:
            contents, packages = await self._checker.read_edit(list(batch.paths))
        except Exception as error:
            self._bug(error)
        self._wake()
        if not self._debouncer.accept(batch.edit, self._checker.doubtful(contents), time.monotonic()):
            self._timer.arm()
            return
        contents += packages
        self._judged[batch.edit] = {content.path for content in contents}
        self.digests.update((content.path, content.digest) for content in contents)
        self._on_read(contents)
        found = Findings((), {}, ())
        try:
            found = await self._checker.judge(contents)
        except Exception as error:
            self._bug(error)
        times = (looked - batch.first) * 1000, (time.monotonic() - looked) * 1000
        self._settled[batch.edit] = EditChecked(
            batch.edit, found.files, found.failures, found.warnings, *times
        )
        while (settled := self._settled.pop(self._reported + 1, None)) is not None:
            self._reported += 1
            self._judged.pop(settled.edit, None)
            self._report(settled)

    def _bug(self, error: Exception) -> None:
        """Report a bug of devserver's; the edit is reported all the same, or it would hold every request."""
        self._loop.call_exception_handler({"message": "an edit could not be checked", "exception": error})
