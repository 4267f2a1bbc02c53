"""Python's dumps of threads as data; and which frames are the app's own.

Pure. A dump is what `faulthandler` writes: an empty line between threads, the innermost frame first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import msgspec

from devserver.common import foreign
from devserver.common.failure import Frame

_THREAD = re.compile(r"(?:Current thread|Thread) 0x([0-9a-f]+)")
_FRAME = re.compile(r'  File "(.*)", line (\d+|\?\?\?)(?: in (.*))?$')


class Thread(msgspec.Struct, frozen=True):
    """One thread of a dump; its frames, outermost first."""

    ident: int
    frames: tuple[Frame, ...]

    @property
    def place(self) -> Frame | None:
        """Return the app's own innermost frame, None if it has none."""
        return next((frame for frame in reversed(self.frames) if not foreign.is_foreign(frame.path)), None)


def short(path: str, root: str) -> str:
    """Return a file as seen from `root`, or from the folder of packages or the library that it belongs to."""
    if inside := foreign.in_packages(path):
        return inside
    folder = next((each for each in (os.path.join(root, ""), foreign.STANDARD) if path.startswith(each)), "")
    return path.removeprefix(folder)


def parse(dump: str) -> list[Thread]:
    """Return the threads of a dump, in its order: the main thread is the last one."""
    return list(_threads(dump.splitlines()))


def _threads(lines: list[str]) -> Iterator[Thread]:
    ident, frames = 0, list[Frame]()
    for line in lines:
        if found := _THREAD.match(line):
            if ident:
                yield Thread(ident, tuple(reversed(frames)))
            ident, frames = int(found[1], 16), []
        elif found := _FRAME.match(line):
            frames.append(Frame(found[1], int(found[2]) if found[2].isdigit() else 0, found[3] or ""))
    if ident:
        yield Thread(ident, tuple(reversed(frames)))


def importing(dump: str) -> tuple[str, Frame | None]:
    """Return which package is being imported ("": none), and the app's own line that waits for it."""
    threads = parse(dump)
    for thread in reversed(threads):
        if (place := thread.place) is not None:
            return _imported(thread.frames[thread.frames.index(place) + 1 :]), place
    return (_imported(threads[-1].frames) if threads else ""), None  # a dump has the innermost 100 frames


def _imported(frames: tuple[Frame, ...]) -> str:
    modules = (frame.path for frame in frames if frame.function == "<module>")
    return next((name for path in modules if (name := foreign.package(path))), "")


def trimmed(dump: str) -> str:
    """Return the app's threads without the frames of devserver and of the import system, innermost last."""
    shown = [
        [f"{frame.path}:{frame.line} in {frame.function}" for frame in thread.frames if not _is_ours(frame)]
        for thread in reversed(parse(dump))
        if thread.place
    ]
    return "\n\n".join("\n".join(lines) for lines in shown)


def _is_ours(frame: Frame) -> bool:
    importlib = os.path.join(foreign.STANDARD, "importlib", "__init__.py")
    bootstrap = frame.path == f"{foreign.STANDARD}threading.py" and frame.function.startswith("_bootstrap")
    return bootstrap or frame.path.startswith(("<", foreign.DEVSERVER)) or frame.path == importlib
