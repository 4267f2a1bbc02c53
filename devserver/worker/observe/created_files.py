"""Notices the files that the app creates during its start, and their content.

Law: the reported content is that at the moment when the app closed the file, within a second of its creation.
Not reported: a file that existed or was removed before, or that a cold start would have found.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from typing import Any

from devserver.ipc.source_digest import digest_of_file
from devserver.worker.birth import audit
from devserver.worker.load.snapshot import PACKAGE, Snapshot

MOST = 200
"""Files; later ones count as saves."""
IN_TIME = 1.0
"""Seconds from a file's creation to its closing; later, another process may have changed it."""
_WRITES = os.O_WRONLY | os.O_RDWR
_MOMENTS = frozenset(("exec", "import", "compile", "time.sleep", "socket.connect", "subprocess.Popen"))
"""Audit events that soon follow the closing of a file; sending a message causes none of them."""
_EVENTS = ("open", *_MOMENTS, "os.rename", "os.remove", "shutil.rmtree")
_NOT_FOUND_LATER = re.compile(r"\.tmp$|\.pyc(\.\d+)?$")
"""Bytecode is written to a name with a number first."""


class CreatedFiles:
    """`report` gets a real path before the file is created, and again with its digest (b"": unknown)."""

    def __init__(self, root: str, snapshot: Snapshot, report: Callable[[str, bytes | None], None]) -> None:
        self._inside = os.path.join(root, "")
        self._dotenv = os.path.join(root, ".env")
        self._snapshot = snapshot
        self._report = report
        self._begun: set[str] = set()
        self._removed: set[str] = set()
        self._open: dict[str, float] = {}
        """Path → when it was created."""
        self._looking = False
        self._over = False
        self._stop: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """Listen from now on."""
        self._stop = audit.listen(_EVENTS, self.hear)

    def finish(self) -> None:
        """Stop: the app has started or failed, so later files count as saves."""
        self._look()
        self._over = True
        self._stop()
        for path in list(self._open):
            self._end(path, b"")

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Handle an audit event."""
        if self._over or self._looking:
            return
        try:
            if event == "open":
                if self._open:
                    self._look()
                if args[2] & os.O_CREAT and args[2] & _WRITES and isinstance(args[0], str):
                    self._begin(args[0])
            elif event in _MOMENTS:
                if self._open:
                    self._look()
            elif event == "os.rename":
                self._renamed(args[0], args[1], args[2:])
            elif event in ("os.remove", "shutil.rmtree"):
                self._removed.add(os.path.realpath(os.fspath(args[0])))
        except Exception:  # an invalid path, or the stack is exhausted
            return

    def _begin(self, name: str) -> str:
        """Note a file that is about to be created; return its real path, "" if it does not count."""
        path = os.path.realpath(name)
        if not path.startswith(self._inside) or _NOT_FOUND_LATER.search(path) or path == self._dotenv:
            return ""
        if path in self._begun or os.path.lexists(name) or len(self._begun) == MOST:
            return ""
        if any(path == gone or path.startswith(gone + os.sep) for gone in self._removed):
            return ""
        self._begun.add(path)
        self._open[path] = time.monotonic()
        self._report(path, None)
        return path

    def _renamed(self, old: object, new: object, folders: tuple[int, ...]) -> None:
        """Handle a rename: the new name counts as created, with the file's content."""
        if not (isinstance(old, str | os.PathLike) and isinstance(new, str | os.PathLike)):
            return
        if any(folder != -1 for folder in folders):
            return
        source = os.path.realpath(os.fspath(old))
        if os.path.isfile(source) and (path := self._begin(os.fspath(new))):
            self._looking = True
            try:
                self._end(path, digest_of_file(source))
            finally:
                self._looking = False
        self._removed.add(source)

    def _look(self) -> None:
        """Report the digests of the files that are closed by now."""
        self._looking = True
        try:
            now = time.monotonic()
            held = _open_files()
            for path, since in list(self._open.items()):
                if now - since > IN_TIME:
                    self._end(path, b"")
                elif path not in held:
                    self._end(path, digest_of_file(path))
        finally:
            self._looking = False

    def _end(self, path: str, digest: bytes) -> None:
        if self._open.pop(path, None) is not None:
            self._report(path, b"" if self._was_missed(path) else digest)

    def _was_missed(self, path: str) -> bool:
        """Return whether an import has looked for this module in vain."""
        folder, name = os.path.split(path)
        module = os.path.basename(folder) if name == PACKAGE else name.removesuffix(".py")
        return name.endswith(".py") and module in self._snapshot.missed


def _open_files() -> set[str]:
    """Return the paths of the files that this process has open."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:  # the descriptor of the listing itself
            continue
    return found
