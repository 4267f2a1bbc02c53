"""One server under measurement, in a terminal of its own, and the project that it serves."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.client import get

WIDTH, HEIGHT = 100, 30
PATIENCE = 30.0
PREPARATION = 15.0
"""Seconds that devserver may take to prepare after the first answer."""
_ALIEN = (
    "DEVSERVER_",
    "DJANGO_",
    "FLASK_",
    "GRANIAN_",
    "GUNICORN_",
    "UVICORN_",
    "WEB_CONCURRENCY",
    "PYTHONDONT",
)
Fact = dict[str, Any]


class DidNotStart(Exception):
    """A server gave no answer in time, or ended."""


class Server:
    """A running server: `startup` is the ms from the start of its process to its first answer."""

    def __init__(
        self, command: list[str], folder: Path, port: int, more: dict[str, str] | None = None
    ) -> None:
        self.port = port
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_ALIEN)}
        self.screen = b""
        began = time.perf_counter()
        # A session leader that opens a terminal gets it as its controlling one: all ends with this program.
        self.process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" 0<>"$0" 1>&0 2>&0', os.ttyname(slave), *command],
            cwd=folder,
            start_new_session=True,
            env={**environment, "TERM": "xterm-256color", **(more or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.startup = (self._await_answer() - began) * 1000
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(slave)

    def stop(self) -> bool:
        """End it; return whether it left by itself."""
        left = processes.end(self.process)
        self._reader.join(2.0)
        with contextlib.suppress(OSError):
            os.close(self._master)
        return left

    def _await_answer(self) -> float:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                answer = get(self.port, timeout=PATIENCE)
                if answer.status == 200:
                    return answer.at
            time.sleep(0.002)
        raise DidNotStart(self.screen[-2000:].decode(errors="replace"))

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the last program on the terminal has left
            while data := os.read(self._master, 65536):
                self.screen = (self.screen + data)[-10_000:]


class EventFile:
    """The file that devserver's events go to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def all(self, event: str, **expected: Any) -> list[Fact]:
        """Return every event of that name with those fields so far."""
        lines = self.path.read_text().split("\n")[:-1]
        facts: list[Fact] = [json.loads(line) for line in lines]
        return [
            fact
            for fact in facts
            if fact["event"] == event and all(fact.get(name) == value for name, value in expected.items())
        ]

    def wait(self, event: str, patience: float = PATIENCE, **expected: Any) -> Fact | None:
        """Return the first such event, or None if there was none within `patience` seconds."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if found := self.all(event, **expected):
                return found[0]
            time.sleep(0.02)
        return None


class Preparation:
    """Waits until devserver has prepared for the first save, unless it is known to do nothing of the kind."""

    def __init__(self) -> None:
        self._expected = True

    def wait(self, events: EventFile) -> None:
        """Return when there is an image, or third-party modules are preloaded, or neither will be."""
        end = time.monotonic() + PREPARATION
        while self._expected and time.monotonic() < end:
            if events.all("image-state", exists=True) or events.all("preloaded"):
                return
            time.sleep(0.02)
        self._expected = False
