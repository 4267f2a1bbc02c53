"""Reads and checks the touched files, off the loop, and remembers the content of the disk.

Law: one thread reads, in order, so a later read never reports an older state. Content that was compiled once,
or runs, is not compiled again.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from msgspec import Struct

from devserver.common.events import CompileWarning
from devserver.common.failure import Failure, Place
from devserver.ipc.messages import Source
from devserver.ipc.source_digest import Signature
from devserver.watch.check.read import Content, read
from devserver.watch.check.survey import beside, packages_before
from devserver.watch.check.syntax import SyntaxChecker, Verdict
from devserver.watch.scope.filters import Filters, Interest

VERDICTS = 256
"""How many results are kept, with their code."""

T = TypeVar("T")


class Findings(Struct, frozen=True):
    """The files of an edit, their failures, and the compiler's new warnings."""

    files: tuple[Source, ...]
    failures: dict[str, Failure]
    warnings: tuple[CompileWarning, ...]


class SourceChecker:
    """The known content of the disk. `trusted`: path → digest of the running source: it needs no check."""

    def __init__(self, filters: Filters, loop: asyncio.AbstractEventLoop) -> None:
        self.trusted: dict[str, bytes] = {}
        self._baseline: dict[str, bytes] = {}
        """Digests of surveyed files that have not changed since: they are not checked."""
        self._filters = filters
        self._loop = loop
        self._seen: dict[str, tuple[bytes, Signature | None]] = {}
        self._verdicts: OrderedDict[tuple[str, bytes], asyncio.Future[Verdict]] = OrderedDict()
        self._checker = SyntaxChecker()
        self._reads = ThreadPoolExecutor(1, "watch-read")
        self._checks = ThreadPoolExecutor(2, "watch-check")

    async def off_loop(self, work: Callable[[], T]) -> T:
        """Run `work` in the thread that reads, after its earlier work."""
        return await self._loop.run_in_executor(self._reads, work)

    async def read(self, paths: Iterable[str]) -> list[Content]:
        """Return the content of these files on the disk."""
        wanted = list(paths)
        return await self.off_loop(lambda: [read(path) for path in wanted])

    async def read_edit(self, paths: Sequence[str]) -> tuple[list[Content], list[Content]]:
        """Return the content of an edit's files, and of packages that hide modules among them."""

        def work() -> tuple[list[Content], list[Content]]:
            contents = [read(path) for path in paths]
            if not all(content.digest for content in contents) and not os.path.isdir(self._filters.root):
                return [], []  # the root is gone; they come back with it
            return contents, [read(path) for path in packages_before(paths, self._filters)]

        return await self.off_loop(work)

    def is_as_seen(self, path: str, signature: Signature | None) -> bool:
        """Return whether a file still has the signature that it had when it was last read."""
        return self.seen(path) == signature

    def seen(self, path: str) -> Signature | None:
        """Return a file's signature when it was last read; None: it was absent, or never read."""
        return self._seen.get(path, (b"", None))[1]

    def known_below(self, folder: str) -> list[str]:
        """Return the files that were read, or run, in a folder and those below it."""
        below = folder + os.sep
        return [path for path in {**self.trusted, **self._seen} if path.startswith(below)]

    def doubtful(self, contents: Iterable[Content]) -> list[str]:
        """Return the files that are newly empty or gone: a save may be under way."""
        return [content.path for content in contents if not content.data and self._has_changed(content)]

    def _has_changed(self, content: Content) -> bool:
        known = self._seen.get(content.path)
        before = self.trusted.get(content.path, b"") if known is None else known[0]
        return content.digest != before and not content.error

    def remember(self, contents: Iterable[Content]) -> None:
        """Record the contents as the state of the disk."""
        for content in contents:
            self._seen[content.path] = (content.digest, content.signature)
            if self._baseline.get(content.path, content.digest) != content.digest:
                del self._baseline[content.path]

    async def judge(self, contents: Sequence[Content]) -> Findings:
        """Compile those `contents` that are new, and return the findings."""
        warnings: list[CompileWarning] = []
        pending: dict[str, asyncio.Future[Verdict]] = {}
        fresh: set[str] = set()
        for content in contents:
            if content.data is not None and self._is_code(content.path):
                key = content.path, content.digest
                known = self.trusted.get(content.path), self._baseline.get(content.path)
                if key not in self._verdicts and content.digest in known:
                    continue
                if key not in self._verdicts:
                    fresh.add(content.path)
                    self._start_check(content.path, content.digest, content.data)
                pending[content.path] = self._verdicts[key]
        self._forget_old()
        verdicts = dict(zip(pending, await asyncio.gather(*pending.values()), strict=True))
        failures = {path: found.failure for path, found in verdicts.items() if found.failure is not None}
        failures |= {c.path: _unreadable(c) for c in contents if c.error and self._is_code(c.path)}
        for path in fresh:
            warnings.extend(verdicts[path].warnings)
        files = tuple(self._source(content, verdicts.get(content.path)) for content in contents)
        return Findings(files, failures, tuple(warnings))

    def _is_code(self, path: str) -> bool:
        interest = self._filters.interest(path)
        return interest is Interest.CODE or (interest is Interest.NONE and path.endswith(".py"))

    def _start_check(self, path: str, digest: bytes, data: bytes) -> None:
        self._verdicts[path, digest] = self._loop.run_in_executor(
            self._checks, self._checker.check, path, data
        )

    def _forget_old(self) -> None:
        while len(self._verdicts) > VERDICTS:
            self._verdicts.popitem(last=False)

    def _source(self, content: Content, verdict: Verdict | None) -> Source:
        source = content.data if self._is_code(content.path) else None
        return Source(content.path, content.digest, source, verdict.code if verdict else None)

    async def survey(self, wanted: bool = False) -> list[Content]:
        """Read the files that matter beside the attended ones, Python first, within bounds.

        `wanted`: and files that matter anywhere else.
        """
        folders = sorted(self._filters.folders)
        return await self.off_loop(lambda: beside(self._filters, folders, wanted))

    def surveyed(self, contents: Iterable[Content]) -> tuple[Source, ...]:
        """Record the surveyed files as the baseline."""
        found = [content for content in contents if content.digest]
        self.remember(found)
        self._baseline.update((content.path, content.digest) for content in found)
        return tuple(self._source(content, None) for content in found)

    def close(self) -> None:
        """Stop the threads and the compiler processes."""
        self._checker.stop()
        for pool in (self._checks, self._reads):
            pool.shutdown(wait=True, cancel_futures=True)


def _unreadable(content: Content) -> Failure:
    return Failure("check", "OSError", f"cannot be read: {content.error}", Place(content.path, 1))
