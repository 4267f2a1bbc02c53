"""Records which code has read the app's code, as text or as instructions, during the app's import.

Laws: everything that may depend on the body of a function that never ran is recorded. Code that is not known
to be harmless counts as a reader.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from types import CodeType, FrameType
from typing import Any

from devserver.worker.birth import audit

_OUTSIDE = frozenset(
    (
        "co_argcount",
        "co_posonlyargcount",
        "co_kwonlyargcount",
        "co_flags",
        "co_name",
        "co_qualname",
        "co_filename",
        "co_freevars",
    )
)
"""Attributes of code that a swap does not change."""
_OUTSIDE_READERS = frozenset(("inspect", "typing", "types", "functools", "asyncio.coroutines", "logging"))
"""Modules that read only these; `inspect` reads source through linecache, except in the function below."""
_BODY_READERS = frozenset(("getclosurevars",))
_PASSED_ON = frozenset(("linecache", "inspect", "tokenize", "ast", "textwrap", "runpy", "pkgutil", "pathlib"))
_IMPORT = frozenset(("_frozen_importlib_external", "importlib._bootstrap_external"))
_HARMLESS_PROGRAMS = (
    " cc clang file gcc getconf git hg hostname ld ldconfig locale lsb_release lscpu nvidia-smi objdump "
    "stty sw_vers sysctl tput uname which "
)
"""Programs that many packages run at import and that do not depend on the app's functions."""
_STARTS = frozenset(("subprocess.Popen", "os.posix_spawn", "os.system", "os.fork", "os.forkpty", "os.spawn"))
_SPAWNING = ("popen_spawn_posix", "popen_forkserver")
"""Modules that multiprocessing imports when it starts such a process."""


class Readers:
    """The code that was read, and its readers; `place` returns the key of an own file, None for others."""

    def __init__(self, place: Callable[[str], str | None]) -> None:
        self._place = place
        self.texts: dict[str, str] = {}
        """Own files that were read as text → the reader."""
        self.shown: set[str] = set()
        """Own files of which a warning has shown a line."""
        self.bodies: dict[int, str] = {}
        """Code whose body was read, by id → the reader. The caller keeps the code alive."""
        self.lines: dict[int, str] = {}
        """Code whose line was read, by id → the reader."""
        self.copies: dict[str, str] = {}
        """Files with code that was built and not compiled → the name of a function of it."""
        self.child = ""
        """A program that was started and may have run the app's code."""
        self._asking = False
        self._stop: Callable[[], None] | None = None
        self._listeners: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "object.__getattr__": self._on_attribute,
            "open": self._on_open,
            "code.__new__": self._on_code,
            **dict.fromkeys(_STARTS, self._on_start),
        }
        self._kinds: dict[int, tuple[CodeType, str]] = {}
        """The kind of reading of code, by id."""

    def begin(self) -> None:
        """Start listening."""
        self._stop = audit.listen(self._listeners, self.hear)

    def end(self) -> None:
        """Stop listening."""
        if self._stop is not None:
            self._stop()
            self._stop = None
        self._kinds.clear()
        if not self.child and any(f"multiprocessing.{each}" in sys.modules for each in _SPAWNING):
            self.child = "a process of multiprocessing"

    def text(self, key: str) -> None:
        """Record that code reads the text of the own file `key`."""
        if self._stop is None:
            return
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and _module(frame).startswith("devserver."):
            frame = frame.f_back
        if frame is not None and _module(frame) in _IMPORT and frame.f_code.co_name == "get_code":
            return  # to compile it for an import
        reader, warned = _who_reads(frame)
        if warned:
            self.shown.add(key)
        else:
            self.texts.setdefault(key, reader)

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Handle an audit event that matters."""
        try:
            self._listeners[event](args)
        except Exception:  # an event that we do not understand
            self.child = self.child or f"something that cannot be followed ({event})"

    def _on_attribute(self, args: tuple[Any, ...]) -> None:
        if args[1] != "__code__" or self._asking:
            return
        frame = sys._getframe(3)
        code = frame.f_code
        if id(code) not in self._kinds:
            self._kinds[id(code)] = code, _kind(frame)
        kind = self._kinds[id(code)][1]
        if kind:
            self._asking = True
            try:
                read = id(args[0].__code__)
            finally:
                self._asking = False
            (self.lines if kind == "lines" else self.bodies)[read] = _name(frame)

    def _on_open(self, args: tuple[Any, ...]) -> None:
        path = args[0]
        if isinstance(path, int) or not isinstance(path, str | bytes | os.PathLike):
            return
        path = os.fsdecode(path)
        if not path.endswith(".py"):
            return
        frame = sys._getframe(3)
        if _module(frame).startswith("devserver."):
            return
        key = self._place(os.path.abspath(path))
        if key is not None:
            self.texts.setdefault(key, _who_reads(frame)[0])

    def _on_code(self, args: tuple[Any, ...]) -> None:
        self.copies.setdefault(args[1], args[2])

    def _on_start(self, args: tuple[Any, ...]) -> None:
        if self.child:
            return
        argv = args[1] if len(args) > 1 else args[0] if args else "a copy of itself"
        program = _program(argv)
        if f" {program} " not in _HARMLESS_PROGRAMS:
            self.child = program


def _program(argv: object) -> str:
    """Return the name of the program that a command line starts, also of a simple one in a shell."""
    if isinstance(argv, bytes | str | os.PathLike):
        words: Sequence[str] = shlex.split(os.fsdecode(argv))
    elif isinstance(argv, Sequence):
        words = [os.fsdecode(each) for each in argv]
    else:
        return "a copy of itself"
    if len(words) == 3 and words[0].endswith("sh") and words[1] == "-c":
        command = words[2]
        return command if set(command) & set(";&|`$\n(<") else _program(command)
    return os.path.basename(words[0]) if words else ""


def _kind(frame: FrameType) -> str:
    """Return what a function that gets a `__code__` reads of it: "" (irrelevant), "lines" or "body"."""
    code = frame.f_code
    module = _module(frame)
    if module.startswith("devserver."):
        return ""
    if module in _OUTSIDE_READERS and code.co_name not in _BODY_READERS:
        return ""
    read = {name for name in code.co_names if name.startswith(("co_", "_co_"))}
    if "co_argcount" in read:
        read.discard("co_varnames")  # only the first of them: the parameters
    if not read:
        return "body"  # it passes it on, or keeps it
    if read <= _OUTSIDE:
        return ""
    return "lines" if read <= _OUTSIDE | {"co_firstlineno"} else "body"


def _who_reads(frame: FrameType | None) -> tuple[str, bool]:
    """Return the name of the module that reads a text, and whether only to show a warning."""
    while frame is not None:
        module = _module(frame)
        if module == "warnings":
            return module, True
        root = module.partition(".")[0]
        if module not in _PASSED_ON and module not in _IMPORT and root not in ("importlib", "devserver"):
            return module, False
        frame = frame.f_back
    return "something", False


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _name(frame: FrameType) -> str:
    return _module(frame) or frame.f_code.co_qualname
