"""A real terminal for a program under test, what stands on its screen, and the console alone on one."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pyte

from devserver.common import events
from devserver.common.events import Event, Listener

DEADLINE = 30.0
WIDTH, HEIGHT = 80, 24


class Pty:
    """A terminal with a program in its foreground, and what stands on its screen."""

    def __init__(self, *command: str, pass_fds: tuple[int, ...] = (), folder: Path | None = None) -> None:
        self.master, slave = pty.openpty()
        self.resize(WIDTH, HEIGHT)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.raw = b""
        self.screen = pyte.HistoryScreen(WIDTH, HEIGHT, history=20_000)
        self.stream = pyte.ByteStream(self.screen)
        # A session leader that opens a terminal gets it as its controlling one.
        opening = 'exec "$@" 0<>"$0" 1>&0 2>&0'
        self.process = subprocess.Popen(
            ["sh", "-c", opening, os.ttyname(slave), *command],
            start_new_session=True,
            pass_fds=pass_fds,
            cwd=folder,
            env={**os.environ, "TERM": "xterm-256color"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    @property
    def settings(self) -> list[Any]:
        return termios.tcgetattr(self.slave)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def scrolled(self) -> list[str]:
        """Everything that was ever shown, the lines that have left the screen included."""
        gone = [
            "".join(line[column].data for column in range(WIDTH)).rstrip() for line in self.screen.history.top
        ]
        return gone + [line.rstrip() for line in self.screen.display]

    def read_until(self, condition: Callable[[], bool]) -> None:
        """Take what the program writes until `condition` holds; fails past the deadline."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"never on the screen; what was:\n{self.text}"
            if select.select([self.master], [], [], min(left, 0.1))[0]:
                data = os.read(self.master, 65536)
                self.raw += data
                self.stream.feed(data)

    def see(self, *texts: str) -> None:
        """Wait until all of them are on the screen, wherever a line that is too long goes on in the next."""
        self.read_until(
            lambda: all(text in self.text or text in "".join(self.screen.display) for text in texts)
        )

    def end(self) -> int:
        """Wait for the program to exit, reading on."""
        self.read_until(lambda: self.process.poll() is not None)
        while select.select([self.master], [], [], 0)[0]:
            data = os.read(self.master, 65536)
            self.raw += data
            self.stream.feed(data)
        return self.process.wait()


class Session(Pty):
    """The console on a terminal, and the server's end of its link."""

    def __init__(self) -> None:
        self.link, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "devserver.console", str(theirs.fileno())]
        super().__init__(*command, pass_fds=(theirs.fileno(),))
        theirs.close()
        self.link.settimeout(DEADLINE)

    def __exit__(self, *_: object) -> None:
        self.link.close()
        super().__exit__()

    def send(self, *news: Event) -> None:
        """Send `news`, reading the terminal meanwhile: a console whose terminal is not read takes no more."""
        rest = bytearray(b"".join(map(events.encode, news)))

        def sent() -> bool:
            while rest and select.select([], [self.link], [], 0)[1]:
                del rest[: self.link.send(rest[:4096])]
            return not rest

        self.read_until(sent)


SERVER: tuple[Event, ...] = (
    events.Started(version="0.1.0", pid=4711, target="/app/handlers.py", root="/app"),
    events.ManagerStarted(pid=4712),
    events.WorkerStarted(worker=1, slot=1, generation=1, pid=4713),
    events.WorkerReady(worker=1, generation=1),
    events.Live(generation=1, edit=0, steps={"import": 30}, total_ms=120),
    events.Ready(generation=1, listeners=(Listener("tcp", "127.0.0.1", 9501),)),
)
