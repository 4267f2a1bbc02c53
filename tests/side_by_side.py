"""Runs the same app under uvicorn and under devserver, and asks both the same."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.harness import COMMAND, DEADLINE, DevServer, end_with_the_tests, eventually, serving

APPS = Path(__file__).parent / "apps"
_RUNNING = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")


PATIENT = ("--timeout-keep-alive", "75")
"""Idle connections stay open as long as with devserver: on a busy machine a case may take more than 5 s."""


class Uvicorn:
    """`python -m uvicorn module:app` in a folder, as a user starts it, on a free port."""

    def __init__(
        self, folder: Path, *options: str, target: str, environ: dict[str, str] | None = None
    ) -> None:
        self.out = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.err = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", target, "--port", "0", *PATIENT, *options],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=self.out,
            stderr=self.err,
            start_new_session=True,
            preexec_fn=end_with_the_tests,  # noqa: PLW1509  it takes no lock
        )
        said = eventually("uvicorn runs", lambda: _RUNNING.search(self.stderr() + self.stdout()))
        self.http_port = int(said[1])

    def stderr(self) -> str:
        """Return what it has written to standard error so far."""
        return Path(f"/proc/self/fd/{self.err.fileno()}").read_text(errors="replace")

    def stdout(self) -> str:
        """Return what it has written to standard output so far."""
        return Path(f"/proc/self/fd/{self.out.fileno()}").read_text(errors="replace")

    def stop(self) -> None:
        """Stop it as a user does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE)

    def clean_up(self) -> None:
        """End it, and what is left of its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.out.close()
        self.err.close()


@dataclass(frozen=True)
class Pair:
    """Both servers, with the same app."""

    uvicorn: Uvicorn
    devserver: DevServer

    def ask(self, path: str, *headers: str) -> tuple[Any, Any]:
        """Return what uvicorn and devserver answer to a GET, as JSON."""
        uvicorn, devserver = (json.loads(ask(port, path, *headers) or "null") for port in self.ports)
        return uvicorn, devserver

    def stop(self) -> None:
        """Stop both gently."""
        assert self.devserver.stop() == 0
        self.uvicorn.stop()

    def stderr(self) -> str:
        """Return what devserver has written to standard error so far."""
        return (self.devserver.folder / "stderr").read_text()

    @property
    def ports(self) -> tuple[int, int]:
        """Return uvicorn's port and devserver's."""
        return self.uvicorn.http_port, self.devserver.http_port


@contextlib.contextmanager
def side_by_side(
    folder: Path,
    target: str,
    options: Sequence[str] = (),
    environ: Mapping[str, str] = {},
    attribute: str = "",
) -> Iterator[Pair]:
    """Run `app` of `tests/apps/TARGET.py` under both, each in a copy of its own; `attribute`: devserver's.

    Standard error of devserver goes to a file beside the app. Python is to buffer as it does by default.
    """
    for name in ("uvicorn", "devserver"):
        (folder / name).mkdir()
        shutil.copy(APPS / f"{target}.py", folder / name)
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    uvicorn = Uvicorn(folder / "uvicorn", *options, target=f"{target}:app", environ={**inherited, **environ})
    variables = ("-u", "PYTHONUNBUFFERED", *(f"{key}={value}" for key, value in environ.items()))
    ours = f"{target}:{attribute}" if attribute else f"{target}.py"
    command = ("sh", "-c", 'exec "$@" 2>stderr', "sh", "env", *variables, *COMMAND)
    try:
        with serving(folder / "devserver", *options, target=ours, command=command) as devserver:
            devserver.wait("ready")
            yield Pair(uvicorn, devserver)
    finally:
        uvicorn.clean_up()


# the wire


@dataclass(frozen=True)
class Until:
    """Read until these bytes have come."""

    data: bytes


class HangUp:
    """Send nothing any more, and report that."""


Step = bytes | Until | HangUp


_QUESTION = b"GET /unread HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Wire:
    """A connection that keeps every byte it is sent."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self.received = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def do(self, steps: Sequence[Step]) -> None:
        """Send and read as told."""
        for step in steps:
            if isinstance(step, Until):
                self.until(step.data)
            elif isinstance(step, HangUp):
                self._socket.shutdown(socket.SHUT_WR)
            else:
                self._socket.sendall(step)

    def until(self, data: bytes) -> None:
        """Read until these bytes have come."""
        while data not in self.received:
            if not self._read():
                raise AssertionError(f"closed before {data!r}: {self.received!r}")

    def end(self) -> bytes:
        """Return all that came until the server closed."""
        while self._read():
            pass
        return self.received

    def _read(self) -> bool:
        try:
            data = self._socket.recv(1 << 20)
        except ConnectionResetError:
            return False
        self.received += data
        return bool(data)


def play(port: int, steps: Sequence[Step]) -> tuple[bytes, list[Any]]:
    """Play the steps to the app `wire`; return all that was answered, and what the app received.

    On the way a connection that was opened before is asked again.
    """
    with Wire(port) as other, Wire(port) as wire:
        other.do([_QUESTION, Until(b"matter")])
        wire.do(steps)
        answer = masked(wire.end())
        other.received = b""
        other.do([_QUESTION, Until(b"matter")])
    return answer, [_noted(notes) for notes in json.loads(ask(port, "/told"))]


def _noted(notes: list[Any]) -> list[Any]:
    """Return them without what depends on the time: how much came of a body before its client left."""
    kinds = [note["type"] if isinstance(note, dict) else note for note in notes]
    if "http.disconnect" in kinds and notes[0].get("more_body"):
        return notes[1:]
    return notes


def ask(port: int, path: str, *headers: str) -> bytes:
    """Return the body of a GET, over a connection of its own."""
    lines = (f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers)
    with Wire(port) as wire:
        wire.do(["".join(f"{line}\r\n" for line in (*lines, "")).encode()])
        return wire.end().partition(b"\r\n\r\n")[2]


def masked(received: bytes) -> bytes:
    """Return it without what depends on the time."""
    return re.sub(rb"(?im)^(date: )[^\r]*", rb"\1-", received)
