"""The watch of the project's files: which files matter, what happened to them, and which edits that causes.

Law: `newest_edit` counts every finished save, where the system reports changes. A save is one edit, however
many observers saw it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from devserver.common.events import Level
from devserver.common.tasks import Tasks
from devserver.config import WatchConfig
from devserver.watch.assets import Assets
from devserver.watch.check import first_look
from devserver.watch.check.checker import SourceChecker
from devserver.watch.check.first_look import FirstLook
from devserver.watch.check.read import Content, signature
from devserver.watch.check.unwatched import UnwatchedFiles
from devserver.watch.edit_reader import EditReader
from devserver.watch.links import Links
from devserver.watch.notice.coverage import Coverage
from devserver.watch.notice.debounce import Debouncer, Kind
from devserver.watch.notice.moved_folders import FolderIdentities
from devserver.watch.notice.poll_budget import PollBudget
from devserver.watch.passed_over import PassedOver
from devserver.watch.reports import FilesReread, FilesSurveyed, Remark, Report
from devserver.watch.scope.filters import Filters, Interest, gitignore_of


class Watch:
    """One watch of one tree. Everything happens on `loop`; `report` is called there, and must not raise.

    Raises UsageError for an invalid pattern in the configuration.
    """

    def __init__(
        self, config: WatchConfig, report: Callable[[Report], None], loop: asyncio.AbstractEventLoop
    ) -> None:
        root = os.path.abspath(config.root)
        self._config = config
        self._report = report
        self._loop = loop
        self._filters = Filters(
            root, config.also, config.exclude, gitignore_of(root), config.assets, config.further
        )
        self._filters.attended.update(config.settings)
        self._filters.as_data.update(config.settings)
        self._checker = SourceChecker(self._filters, loop)
        self._coverage = Coverage(self._filters, self._checker.off_loop, self, loop, config.poll)
        self._identities = FolderIdentities(
            self._coverage.tops, self._checker.off_loop, self._top_left, self._top_came
        )
        self._edits = EditReader(config, self._checker, self.wake, self._remember, self._send_report, loop)
        debouncer = Debouncer(config.settle, config.settle_modified, config.settle_cap)
        self._assets = Assets(debouncer, self._checker.read, self._send_report, loop)
        self._first_look = FirstLook()
        self._poll_budget = PollBudget()
        self._unwatched = UnwatchedFiles(self._warn_of_hang)
        self._hangs = False
        """The user was warned of a mount that does not answer."""
        self._passed_over = PassedOver()
        self._late: dict[str, Kind] = {}
        """Events from watchdog of files that were being read."""
        self._links = Links()
        self._tasks = Tasks(loop)
        self._survey_due: asyncio.TimerHandle | None = None
        self._closed = False

    async def start(self) -> None:
        """Watch the folders: every later save is counted."""
        await self._coverage.start()
        for folder in {os.path.dirname(path) for path in self._config.settings}:
            self._coverage.add(folder)
        if self._coverage.has_gaps:
            self._first_look = await self._checker.off_loop(lambda: first_look.look(self._filters))
        self.wake()
        self._tasks.start(self._identities.watch())

    def newest_edit(self) -> int:
        """Return the number of the newest edit, 0 if there was none; a new one is reported before it returns.

        Strict: a save whose close() or rename() has returned is counted. Where the system does not report
        changes, it polls the attended files instead, within a bound on the cost.
        """
        self.wake()
        if self._coverage.has_gaps and not self._closed:
            self._poll_some()
        return self._edits.newest

    def attend(self, files: Iterable[tuple[str, bytes]], *, as_data: bool = False) -> None:
        """Attend to own files that run, each with the digest of what runs, and to folders that imports look
        into.

        They matter from now on, wherever they are. Each is read once; if the disk holds something else that
        was not reported, that is an edit. `as_data`: they are not checked.
        """
        fresh: dict[str, bytes] = {}
        for path, digest in files:
            if path.endswith(os.sep):
                self._attend_folder(path.rstrip(os.sep) or os.sep)
                continue
            if not as_data:
                self._filters.as_data.discard(path)
            if path in self._filters.attended and self._checker.trusted.get(path) == digest:
                continue
            if as_data and path not in self._filters.attended:
                self._filters.as_data.add(path)
            if self._filters.attend(path):
                self._checker.trusted[path] = fresh[path] = digest
        for folder in {os.path.dirname(path) for path in fresh}:
            self._coverage.add(folder)
        self._poll_budget.files = list(self._filters.attended)
        if fresh:
            self._tasks.start(self._compare(fresh))

    def _attend_folder(self, folder: str) -> None:
        if folder in self._filters.folders or not self._filters.attend_folder(folder):
            return
        self._coverage.add(folder)
        missed = self._passed_over.take(folder)
        for path, kind in missed.items():  # perhaps created after the import had looked
            self.touched(path, kind)
        if missed:
            self._loop.call_soon(self._edits.announce)

    def is_unsettled(self, path: str) -> bool:
        """Return whether an edit that is not reported yet has `path`: the running code started without it."""
        return self._edits.is_unsettled(path)

    def keep(self, files: Iterable[str]) -> None:
        """Let changes of these files matter, until the next call: a late import may read them."""
        self._filters.snapshot = frozenset(files)

    def attend_everything(self, on: bool) -> None:
        """Let every Python file under the root matter, or only those that run or lie beside them.

        When it is switched on, files that were saved since the last edit began count: they may fix a failure.
        """
        if on == self._filters.everything:
            return
        self.wake()
        self._filters.everything = on
        if on:
            for path, kind in self._passed_over.take().items():
                self.touched(path, kind)
            self._passed_over.forget()
            self._edits.announce()

    def survey(self, after: float = 0.0) -> None:
        """Read the files that matter beside the attended ones, report them, and take them as the baseline.

        It begins `after` seconds; an earlier survey that has not begun is dropped.
        """
        self._cancel_survey()
        self._survey_due = self._loop.call_later(after, lambda: self._tasks.start(self._survey()))

    def _cancel_survey(self) -> None:
        if self._survey_due is not None:
            self._survey_due.cancel()

    def reread(self, known: Mapping[str, bytes]) -> None:
        """Read these files and all that may matter; a different digest is an edit. A FilesReread follows."""
        self._tasks.start(self._reread(known))

    async def newest_edit_on_disk(self, known: Mapping[str, bytes]) -> int:
        """Return the newest edit as `newest_edit` does, but strictly on every file system.

        Where the system does not report changes, it reads these files and all that may matter.
        """
        self.wake()
        if self._coverage.has_gaps and not self._closed:
            await self._compare_all(known)
        return self._edits.newest

    async def close(self) -> None:
        """Stop: nothing more is reported. Threads, descriptors and compiler processes are gone on return."""
        self._closed = True
        self._cancel_survey()
        await self._edits.close()
        await self._tasks.cancel()
        await self._assets.close()
        await self._coverage.close()
        self._checker.close()

    # What the coverage reports

    def wake(self) -> None:
        """Handle the kernel's events up to now."""
        if not self._closed:
            self._coverage.drain()
            if self._edits.noted:
                self._edits.announce()

    def touched(self, path: str, kind: Kind) -> None:
        """Note an event of a file and of the links that lead to it; the caller announces it."""
        for name in self._links.names(path):
            if self._filters.interest(name) is not Interest.NONE:
                self._note(name, kind)
            elif self._filters.is_asset(name):
                self._assets.touched(name, kind)
            else:
                self._passed_over.note(name, kind)

    def _note(self, path: str, kind: Kind) -> None:
        if self._edits.note(path, kind):
            self._passed_over.forget()

    def folder_left(self, folder: str) -> None:
        """Note that a folder is gone, with all that is in it."""
        for path in self._checker.known_below(folder):
            self.touched(path, Kind.GONE)
        self._identities.left(folder)

    def _top_left(self, folder: str) -> None:
        if folder == self._filters.root:
            text = f"{folder} is gone: the running code goes on; devserver reloads once the folder is back"
            self.remark("warning", text)

    def _top_came(self, folder: str) -> None:
        """Read all known files in a folder that is back or was replaced, and restart the app there."""
        self._coverage.renew(folder)
        for path in self._checker.known_below(folder):
            self.touched(path, Kind.DONE)
        self._edits.announce()
        self._send_report(FilesReread(self._edits.unsettled))

    def overflowed(self) -> None:
        """Read every attended file: the kernel has dropped events."""
        self.remark(
            "warning", "More files changed at once than the system can report: reading all files again."
        )
        for path in list(self._filters.attended):
            self.touched(path, Kind.DONE)

    def remark(self, level: Level, text: str) -> None:
        """Report a sentence to the user."""
        self._send_report(Remark(level, text))

    def on_seen(self, seen: dict[str, Kind]) -> None:
        """Pass on files that watchdog has seen; called in its thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._compare_seen, seen)

    def _compare_seen(self, seen: dict[str, Kind]) -> None:
        """Note files that watchdog saw, except those that inotify saw or whose signature has not changed."""
        self.wake()
        self._late |= {path: kind for path, kind in seen.items() if self._edits.is_unread(path)}
        read = [path for path in seen if not self._edits.is_unread(path)]
        strict = {
            path: signature(path) for path in read if self._coverage.sees_every_save(os.path.dirname(path))
        }
        looks = strict | self._unwatched.signatures(path for path in read if path not in strict)
        for path in read:
            if path not in looks or not self._checker.is_as_seen(path, looks[path]):
                self.touched(path, seen[path])
        self._edits.announce()

    def _poll_some(self) -> None:
        chosen = [
            path
            for path in self._poll_budget.due(time.monotonic())
            if not (self._coverage.sees_every_save(os.path.dirname(path)) or self._edits.is_unread(path))
        ]
        for path, now in self._unwatched.signatures(chosen).items():
            if not self._checker.is_as_seen(path, now):
                self.touched(path, Kind.OPEN)
        self._edits.announce()

    def _warn_of_hang(self) -> None:
        if not self._hangs:
            self._hangs = True
            text = "A mount does not answer: devserver notices saves on it once it answers again."
            self.remark("warning", text)

    # What was read

    def _remember(self, contents: Sequence[Content]) -> None:
        self._checker.remember(contents)
        self._follow_links(contents)
        late, self._late = self._late, {}
        if late:
            self._compare_seen(late)

    def _follow_links(self, contents: Iterable[Content]) -> None:
        for target in self._links.follow(contents, self._filters.links):
            self._coverage.add(os.path.dirname(target))

    async def _compare(self, fresh: dict[str, bytes]) -> None:
        contents = await self._checker.read(fresh)
        self.wake()
        contents = [content for content in contents if not self._edits.is_unread(content.path)]
        self._remember([content for content in contents if content.digest == fresh[content.path]])
        # The running text may be older than the reported one: another Worker of it, while newer code is
        # refused.
        for content in contents:
            if content.digest != self._edits.digests.get(content.path, fresh[content.path]):
                self.touched(content.path, Kind.DONE)
        self._edits.announce()

    async def _reread(self, known: Mapping[str, bytes]) -> None:
        await self._compare_all(known)
        self._send_report(FilesReread(self._edits.unsettled))

    async def _compare_all(self, known: Mapping[str, bytes]) -> None:
        contents = [*await self._checker.read(known), *await self._checker.survey(wanted=True)]
        self.wake()
        for content in contents:
            differs = content.digest != known.get(content.path, b"")
            if differs and not self._edits.is_unread(content.path):
                self._note(content.path, Kind.DONE)
        self._edits.announce()

    async def _survey(self) -> None:
        contents = await self._checker.survey()
        self.wake()
        contents = [content for content in contents if not self.is_unsettled(content.path)]
        saved = {content.path for content in contents if self._was_saved(content)}
        for path in saved:
            self._note(path, Kind.DONE)
        self._edits.announce()
        contents = [content for content in contents if content.path not in saved]
        for folder in {os.path.dirname(content.path) for content in contents}:
            if not self._filters.is_watched(folder):  # the folder of a linked package
                self._attend_folder(folder)
        self._follow_links(contents)
        self._send_report(FilesSurveyed(self._checker.surveyed(contents)))

    def _was_saved(self, content: Content) -> bool:
        """Return whether a file was saved before the survey read it, without an edit yet.

        The running code may have read an earlier state, so this one is not the baseline.
        """
        folder = os.path.dirname(content.path)
        inside = any(f"{folder}{os.sep}".startswith(f"{root}{os.sep}") for root in self._filters.roots)
        if not inside or self._coverage.sees_every_save(folder):
            return False
        if (seen := self._checker.seen(content.path)) is not None:
            return seen != content.signature
        return self._first_look.differs(content.path, content.signature, self._filters)

    def _send_report(self, report: Report) -> None:
        if not self._closed:
            self._report(report)
