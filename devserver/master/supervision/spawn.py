"""Starts the processes of Managers; the first one ahead, while this process has yet to import most of itself.

Law: only the standard library is imported here. A process that is never used exits when its channel closes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from msgspec import Struct

from devserver.common.undebugged import undebugged


class Spawned(Struct, frozen=True):
    """A Manager's process, and our end of the channel to it."""

    process: subprocess.Popen[bytes]
    channel: socket.socket


_SEED = "PYTHONHASHSEED"
_seed = os.environ.get(_SEED) or str(1 + int.from_bytes(os.urandom(4), "big") % (2**32 - 2))
"""Of all Managers: the order of a set is the same in each, so that what they import can be compared."""
_ahead: list[Spawned] = []


def spawn_ahead() -> None:
    """Start a process that the next `spawn` returns. Raises OSError."""
    _ahead.append(_start())


def spawn() -> Spawned:
    """Return a process that waits for its first order. Raises OSError."""
    return _ahead.pop() if _ahead else _start()


def discard() -> None:
    """Kill what was started ahead and was never used."""
    while _ahead:
        spawned = _ahead.pop()
        spawned.channel.close()
        spawned.process.kill()
        spawned.process.wait()


def _start() -> Spawned:
    ours, theirs = socket.socketpair()
    module = [
        "-P",
        "-m",
        "devserver.manager",
        str(theirs.fileno()),
        *([] if _SEED in os.environ else [_SEED]),
    ]
    try:
        with undebugged():
            process = subprocess.Popen(
                [sys.executable, *_interpreter_flags(), *module],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, _SEED: _seed},
            )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return Spawned(process, ours)


def _interpreter_flags() -> list[str]:
    """Return the flags that this interpreter was started with (-X, -W, -O …): the app sees them too."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [flag for flag in flags if flag != "-P"]
