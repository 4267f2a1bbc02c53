"""Asks the kernel whether any process reads a terminal.

A program that reads single keys changes the terminal's settings. One that reads lines waits in read(2), which
only Linux reports, for each thread of the process and of its children.
"""

from __future__ import annotations

import os
import platform
import termios
from collections.abc import Iterator
from contextlib import suppress

_LFLAG = 3
_LINES = termios.ICANON | termios.ECHO
_READ = {"x86_64": "0", "aarch64": "63", "riscv64": "63"}.get(platform.machine(), "")
"""The number of read(2) in /proc/PID/syscall."""
_EVENTS = {"x86_64": ("232", "281", "441"), "aarch64": ("22", "441"), "riscv64": ("22", "441")}
"""The numbers of epoll_wait(2), epoll_pwait(2) and epoll_pwait2(2)."""
_TTY = os.makedev(5, 0)
"""/dev/tty, the controlling terminal of any process."""


def takes_keys(terminal: int) -> bool:
    """Return whether the terminal is set to deliver single keys, or to hide them; `terminal`: its master
    side.
    """
    try:
        flags: int = termios.tcgetattr(terminal)[_LFLAG]
    except (termios.error, OSError):
        return False
    return flags & _LINES != _LINES


def is_read(terminal: int, pid: int) -> bool:
    """Return whether the process or one of its children reads the terminal now."""
    if takes_keys(terminal):
        return True
    with suppress(OSError, AttributeError):
        device = os.stat(os.ptsname(terminal) if hasattr(os, "ptsname") else _name(terminal)).st_rdev
        return any(_reads(process, device) for process in _family(pid))
    return False


def stands_still(pid: int) -> bool:
    """Return whether the process waits for anything but events; False if that is unknown."""
    try:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            call = file.read().split()[0]
    except (OSError, IndexError):
        return False
    return call != "running" and call not in _EVENTS.get(platform.machine(), ())


def _name(terminal: int) -> str:
    """Return the other side's name: os.ptsname came with Python 3.13."""
    import fcntl
    import struct

    number = struct.unpack("I", fcntl.ioctl(terminal, 0x80045430, b"\0" * 4))[0]  # TIOCGPTN
    return f"/dev/pts/{number}"


def _family(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
                for child in children.read().split():
                    yield from _family(int(child))


def _reads(pid: int, device: int) -> bool:
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/syscall", encoding="ascii") as file:
                call, *arguments = file.read().split()
            if call == _READ and arguments:
                with suppress(OSError):
                    found = os.stat(f"/proc/{pid}/fd/{int(arguments[0], 16)}").st_rdev
                    if found in (device, _TTY):
                        return True
    return False
