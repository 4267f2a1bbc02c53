"""Notices own files that the app runs, or reads as source, by their path: no finder sees these.

Laws: the listener gets every open and exec in this process, so it ignores irrelevant ones within nanoseconds.
An error in it never reaches the app.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from devserver.ipc.messages import OpenedFile
from devserver.ipc.source_digest import digest_of_file
from devserver.worker.birth import audit
from devserver.worker.load.snapshot import Snapshot

MOST = 2000
"""Files that are reported; an app that reads more treats them as data."""
_WRITES = os.O_WRONLY | os.O_RDWR


class OpenedFiles:
    """Collects files until `taken`; calls `fresh` when there are new ones. Each is reported at most twice.

    A file counts if it is executed, whatever its name, or opened for reading and named `.py`. A file that was
    imported, or that the app has written itself, does not count.
    """

    def __init__(self, snapshot: Snapshot, fresh: Callable[[], None]) -> None:
        self._snapshot = snapshot
        self._fresh = fresh
        self._opened: set[object] = set()
        """The opened paths, as the app named them."""
        self._executed: set[str] = set()
        self._written: set[str] = set()
        self._reported: dict[str, OpenedFile] = {}
        self._unreported: dict[str, OpenedFile] = {}

    def install(self) -> None:
        """Listen, for the rest of this process's life."""
        audit.listen(("open", "exec"), self.listener())

    def taken(self) -> tuple[OpenedFile, ...]:
        """Return the files that are new since the last call."""
        unreported, self._unreported = self._unreported, {}
        return tuple(unreported.values())

    def renew(self) -> None:
        """In a copy: count everything as not reported yet."""
        self._unreported = dict(self._reported)

    def listener(self) -> audit.Listener:
        """Return what handles these two audit events."""
        opened, executed = self._opened, self._executed

        def on_event(event: str, args: tuple[Any, ...]) -> None:
            if event == "open":
                path = args[0]
                if type(path) is str and path.endswith(".py") and (path not in opened or args[2] & _WRITES):
                    self._on_open(path, args[2])
            elif event == "exec":
                name = args[0].co_filename
                if name not in executed:
                    executed.add(name)
                    self._on_exec(name)

        return on_event

    def _on_open(self, path: str, flags: int) -> None:
        self._opened.add(path)
        try:
            if flags & _WRITES:
                self._written.add(os.path.realpath(path))
            else:
                self._note(path, executed=False)
        except Exception:  # an invalid path, or the stack is exhausted
            return

    def _on_exec(self, name: str) -> None:
        if not name or name[0] == "<":
            return
        try:
            self._note(name, executed=True)
        except Exception:
            return

    def _note(self, path: str, executed: bool) -> None:
        path = os.path.abspath(path)
        if not self._snapshot.owns(path):
            return
        path = self._snapshot.owns.real(path)
        known = self._reported.get(path)
        if path in self._snapshot.used or path in self._written or (known and known.executed >= executed):
            return
        if len(self._reported) == MOST or (executed and not os.path.isfile(path)):
            return
        self._opened.add(path)  # because the next line opens it
        found = OpenedFile(path, known.digest if known else digest_of_file(path), executed)
        self._reported[path] = self._unreported[path] = found
        self._fresh()
