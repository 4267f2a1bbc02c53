"""Actions of the app during its import that a copy would share, miss or repeat.

Laws: the files that an import has read are known, so a copy is refused once a cold start would read something
else. An import that acts outside this process, or registers for its exit, gets no image. Listeners of audit
events notice it. An error in one never reaches the app.
"""

from __future__ import annotations

import atexit
import gc
import os
import stat
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from types import FrameType
from typing import Any

from devserver.worker.birth import audit, fork_hooks
from devserver.worker.load.own import Own, foreign_folders

MOST = 2000
"""Files and folders that are compared before each copy; an app that reads more gets no image."""
_WRITES = os.O_WRONLY | os.O_RDWR
_IMPORTS = "<frozen importlib._bootstrap"
_CODE = (".py", ".pyc", ".so", ".pyd")
_SYSTEMS = ("/proc/", "/sys/", "/dev/")
_DOES = {
    "builtins.input": "asks the user",
    "fcntl.flock": "locks a file",
    "fcntl.lockf": "locks a file",
    "os.fork": "forks",
    "os.forkpty": "forks",
    "os.link": "makes a link",
    "os.remove": "removes a file",
    "os.rename": "renames a file",
    "os.rmdir": "removes a folder",
    "os.symlink": "makes a link",
    "os.truncate": "writes a file",
    "shutil.rmtree": "removes a folder",
    "tempfile.mkdtemp": "creates a temporary folder",
    "tempfile.mkstemp": "creates a temporary file",
}
_WHERE = ("_thread.start_new_thread", "socket.__new__", "sqlite3.connect", "subprocess.Popen")
"""Their places matter only if a thread, socket or process of them is still there."""
_FOLDERS = ("os.listdir", "os.scandir", "os.mkdir")
_HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "")
_METADATA = tuple(
    os.path.join(*names, "__init__.py") for names in (("importlib", "metadata"), ("importlib_metadata",))
)
_DISTRIBUTIONS = (".dist-info", "egg-info")
Signature = tuple[int, ...]
_Listing = tuple[str, bool]
"""A folder that the import lists; whether it looks there for distributions only."""


class Traces:
    """Records from `begin` to `end`. `owns` returns whether a file is own; `root` shortens its paths."""

    def __init__(self, owns: Own, root: str) -> None:
        self._owns = owns
        self._root = os.path.join(root, "")
        self._foreign = (*foreign_folders(), *_SYSTEMS)
        self._objections: dict[str, None] = {}
        self._files: dict[str, tuple[Signature, str]] = {}
        """Path → its signature when it was opened, and the place in the code."""
        self._folders: dict[_Listing, str] = {}
        self._made: dict[str, str] = {}
        self._places: dict[str, str] = {}
        self._undo: list[Callable[[], None]] = []
        self._names: dict[_Listing, frozenset[str]] = {}
        self._records = False

    def begin(self) -> None:
        """Record from now on, in this process and its forks."""
        self._records = True
        for events, call in (
            (("open",), self._opened),
            (_DOES, self._does),
            (_FOLDERS, self._folder),
            (_WHERE, self._where),
        ):
            self._undo.append(audit.listen(events, _guarded(call)))
        self._watch(atexit, "register", "registers with atexit")
        self._undo.append(fork_hooks.quieten(self._are_own))

    def end(self) -> None:
        """Stop recording: the app is imported."""
        self._records = False
        while self._undo:
            self._undo.pop()()
        self._names = {listing: _names(*listing) for listing in self._folders}

    @property
    def objections(self) -> list[str]:
        """Return the app's actions that forbid an image, each with its place."""
        return list(self._objections)

    def place(self, event: str) -> str:
        """Return where the app last caused `event`, as `file:line `; "" if it is not known."""
        return f"{self._places[event]} " if self._places.get(event) else ""

    def opener(self, path: str) -> str:
        """Return where the app has opened a file, in the same form."""
        where = self._files[path][1] if path in self._files else ""
        return f"{where} " if where else ""

    def outdated(self) -> str:
        """Return which file or folder a cold start would find changed, "" for none."""
        for path, (signature, where) in self._files.items():
            if _signature(path) != signature:
                return f"{self._short(path)}, which {where or 'the import'} reads, has changed"
        for listing, where in self._folders.items():
            if _names(*listing) != self._names.get(listing):
                folder = self._short(listing[0])
                return f"the folder {folder}, which {where or 'the import'} lists, has changed"
        for folder, where in self._made.items():
            if not os.path.isdir(folder):
                return f"the folder {self._short(folder)}, which {where or 'the import'} makes, is gone"
        return ""

    # listeners

    def _opened(self, frame: FrameType, _event: str, args: tuple[Any, ...]) -> None:
        path, _mode, flags = args
        if not isinstance(path, str | bytes | os.PathLike):
            return
        path = os.path.abspath(os.fsdecode(path))
        if _is_import(frame) and (path.endswith(_CODE) or ".pyc." in path):
            return
        if flags & _WRITES and not path.startswith(_SYSTEMS) and not _tries_out(frame):
            if not (flags & os.O_ACCMODE == os.O_WRONLY and flags & os.O_APPEND):
                where = self._place_of(frame)
                self._object(f"{where} writes {self._short(path)}")
                self._files.setdefault(path, ((), where))
        elif not path.startswith(self._foreign):
            self._read(frame, path)

    def _read(self, frame: FrameType, path: str) -> None:
        if path in self._files:
            return
        if len(self._files) + len(self._folders) >= MOST:
            self._object(f"its import reads over {MOST:,} files")
            return
        self._files[path] = _signature(path), self._place_of(frame)

    def _folder(self, frame: FrameType, event: str, args: tuple[Any, ...]) -> None:
        name = args[0] if args and args[0] is not None else "."
        if _is_import(frame) or isinstance(name, int):
            return
        path = os.path.abspath(os.fsdecode(name))
        if path.startswith(self._foreign):
            return
        if event == "os.mkdir":
            self._made.setdefault(path, self._place_of(frame))
        else:
            self._folders.setdefault((path, _finds_distributions(frame)), self._place_of(frame))
        if max(len(self._made), len(self._folders)) > MOST:
            self._object(f"its import reads over {MOST:,} files")

    def _does(self, frame: FrameType, event: str, _args: tuple[Any, ...]) -> None:
        if not _is_import(frame) and not _tries_out(frame):
            self._object(f"{self._place_of(frame)} {_DOES[event]}")

    def _where(self, frame: FrameType, event: str, args: tuple[Any, ...]) -> None:
        self._places[event] = self._place_of(frame)
        if event == "sqlite3.connect" and isinstance(args[0], str | bytes) and args[0]:
            path = os.path.abspath(os.fsdecode(args[0]))
            if path not in self._files and os.path.exists(path):
                self._files[path] = _signature(path), self._places[event]

    def _watch(self, module: Any, name: str, does: str) -> None:
        """Record calls of a function that raises no audit event."""
        original = getattr(module, name)
        registers = _guarded(self._registers)

        @wraps(original)
        def recorded(*arguments: Any, **options: Any) -> Any:
            if self._records:
                registers(does, (*arguments[:1], *options.values()))
            return original(*arguments, **options)

        setattr(module, name, recorded)
        self._undo.append(lambda: setattr(module, name, original))

    def _registers(self, frame: FrameType, does: str, functions: tuple[Any, ...]) -> None:
        if self._are_own(frame, functions):
            self._object(f"{self._place_of(frame)} {does}")

    def _are_own(self, frame: FrameType, functions: Iterable[Any]) -> bool:
        """Return whether own code registers functions, or one of them is own."""
        codes = [getattr(getattr(each, "__func__", each), "__code__", None) for each in functions]
        owned = any(code is not None and self._owns.has_code(code.co_filename) for code in codes)
        return owned or self._owns(frame.f_code.co_filename)

    def _object(self, text: str) -> None:
        self._objections.setdefault(text.strip())

    # words

    def _place_of(self, frame: FrameType | None) -> str:
        """Return the innermost place in own code, "" if there is none."""
        while frame is not None:
            path = frame.f_code.co_filename
            if path[:1] == os.sep and not path.startswith(_HERE) and self._owns(path):
                return f"{self._short(path)}:{frame.f_lineno}"
            frame = frame.f_back
        return ""

    def _short(self, path: str) -> str:
        return path.removeprefix(self._root)


def _guarded(call: Callable[[FrameType, str, tuple[Any, ...]], None]) -> audit.Listener:
    """Return a listener that calls with the frame two above its own, and raises nothing."""

    def guarded(event: str, args: tuple[Any, ...]) -> None:
        try:
            call(sys._getframe(2), event, args)
        except Exception:  # no valid path, the end of the stack
            return

    return guarded


def set_aside() -> None:
    """Set all objects aside for a fork, until code in this process asks the collector for all."""
    gc.freeze()
    if not _aside:
        _aside.append(audit.listen(("gc.get_objects", "gc.get_referrers"), _give_back))


def give_back() -> set[int]:
    """Give all objects back to the collector; return the addresses of those that are newer than the fork.

    Fork hooks of libraries may have made some.
    """
    while _aside:
        _aside.pop()()
    newer = set(map(id, gc.get_objects()))
    gc.unfreeze()
    return newer


_aside: list[Callable[[], None]] = []
"""Ends the listening for that, while it goes on."""


def _give_back(_event: str, _args: tuple[Any, ...]) -> None:
    gc.unfreeze()
    while _aside:
        _aside.pop()()


def _is_import(frame: FrameType) -> bool:
    """Return whether the import system, or devserver on its behalf, runs this frame."""
    return frame.f_code.co_filename.startswith((_IMPORTS, _HERE))


def _finds_distributions(frame: FrameType) -> bool:
    """Return whether importlib.metadata looks for distributions: pydantic has it do so on the whole path."""
    return frame.f_code.co_name == "children" and frame.f_code.co_filename.endswith(_METADATA)


def _tries_out(frame: FrameType) -> bool:
    """Return whether tempfile tests a folder, in which it leaves nothing."""
    return frame.f_code.co_name == "_get_default_tempdir"


def _signature(path: str) -> Signature:
    """Return the signature of a file or folder, () if it does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    if stat.S_ISDIR(found.st_mode):
        return (found.st_ino,)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _names(folder: str, distributions: bool) -> frozenset[str]:
    """Return the names in a folder, except those that imports and editors create temporarily.

    `distributions`: only those that importlib.metadata takes for a distribution.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return frozenset()
    if distributions:
        return frozenset(name for name in names if name.lower().endswith(_DISTRIBUTIONS))
    return frozenset(n for n in names if n != "__pycache__" and n[:1] != "." and n[-1:] != "~")
