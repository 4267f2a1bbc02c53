"""Runs the real command and waits for its events: the end-to-end tests' server and client."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

DEADLINE = 30.0
"""Seconds that any single wait may take."""
COMMAND = (sys.executable, "-m", "devserver")
_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
Fact = dict[str, Any]


def eventually(what: str, condition: Callable[[], Any], deadline: float = DEADLINE) -> Any:
    """Return the first true value of `condition`: for facts that send no event (a process is gone)."""
    end = time.monotonic() + deadline
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}")
        select.select([], [], [], 0.01)
    return value


def overwrite(file: Path, text: str) -> None:
    """Write a file that is never empty in between: that could be noticed as a save of its own."""
    with file.open("r+" if file.exists() else "w") as stream:
        stream.write(text)
        stream.truncate()


def free_port() -> int:
    """Return a port that is free now, and that the kernel assigns to nobody."""
    while True:
        port = random.randrange(20_000, 32_000)  # below the range that the kernel assigns
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def is_gone(pid: int) -> bool:
    """Return whether a process has ended (a zombie counts as ended)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def child_of(parent: int, title: str) -> int:
    """Wait until a process has a child of devserver's with this title, and return it."""
    children = Path(f"/proc/{parent}/task/{parent}/children")

    def found() -> int:
        for pid in children.read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has exited
                if Path(f"/proc/{pid}/cmdline").read_text().startswith(f"devserver: {title}"):
                    return int(pid)
        return 0

    return int(eventually(f"there is a {title}", found))


def end_with_the_tests() -> None:
    """Have the kernel stop the server when the tests are killed, at a time limit for one: see prctl(2).

    Signals are as in a terminal: a shell's background jobs, and nohup, ignore some.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class DevServer:
    """`devserver TARGET` in a folder, in plain mode unless another mode is asked for, on free ports."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        target: str = "handlers.py",
        listen: bool = True,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.folder = folder
        read, write = os.pipe()
        self._pipe = os.fdopen(read, "rb", buffering=0)
        self._rest = b""
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        address = ["--tcp", "127.0.0.1:0", "--port", "0"] if listen else []
        self.process = subprocess.Popen(
            [
                *command,
                "--plain",
                "--events",
                f"fd:{write}",
                *address,
                *options,
                target,
            ],
            cwd=folder,
            pass_fds=[write],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            preexec_fn=end_with_the_tests,  # noqa: PLW1509  it takes no lock
        )
        os.close(write)
        self.facts: list[Fact] = []
        self._cursor = 0
        self.ended = False

    # events

    def wait(self, event: str, deadline: float = DEADLINE, **expected: Any) -> Fact:
        """Return the next event of that name with those fields, after the one returned last."""
        end = time.monotonic() + deadline
        while True:
            while self._cursor < len(self.facts):
                fact = self.facts[self._cursor]
                self._cursor += 1
                if fact["event"] == event and all(fact.get(key) == value for key, value in expected.items()):
                    return fact
            if not self._read(end - time.monotonic()):
                raise AssertionError(f"no {event} {expected or ''} within {deadline} s\n{self.story()}")

    def past(self, event: str, **expected: Any) -> list[Fact]:
        """Return every event of that name so far."""
        while self._read(0):
            pass
        return [
            fact
            for fact in self.facts
            if fact["event"] == event and all(fact.get(key) == value for key, value in expected.items())
        ]

    def _read(self, patience: float) -> bool:
        if self.ended or not select.select([self._pipe], [], [], max(patience, 0))[0]:
            return False
        data = os.read(self._pipe.fileno(), 65536)
        if not data:
            self.ended = True
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.facts += [json.loads(line) for line in lines]
        return True

    def story(self) -> str:
        """Return the log and the last events, for a failing test."""
        told = [fact for fact in self.facts if fact["event"] not in ("worker-load", "connections", "output")]
        facts = "\n".join(str(fact)[:300] for fact in told[-60:])
        return f"--- events\n{facts}\n--- log\n{self.output()[-6000:]}"

    def output(self) -> str:
        """Return what the command has written so far."""
        self.log.flush()
        return Path(f"/proc/self/fd/{self.log.fileno()}").read_text(errors="replace")

    # files

    def save(self, text: str, name: str = "handlers.py") -> None:
        """Save a file as a simple editor does, in place."""
        overwrite(self.folder / name, text)

    def save_at_once(self, text: str, name: str = "handlers.py") -> None:
        """Save by a rename from elsewhere: one event and one edit, however slow this process is."""
        fresh = self.folder.parent / f"{self.folder.name}-saving"
        fresh.write_text(text)
        fresh.replace(self.folder / name)

    def save_and_wait(self, text: str, name: str = "handlers.py") -> Fact:
        """Save, and wait until that code is live."""
        self.save(text, name)
        return self.wait("live")

    # processes

    @property
    def port(self) -> int:
        """Return the port of the first listener for handlers."""
        return self._port_of("tcp", "uds")

    @property
    def http_port(self) -> int:
        """Return the port of the first listener for HTTP or HTTPS."""
        return self._port_of("http", "https")

    def _port_of(self, *kinds: str) -> int:
        """Wait until a listener of one of these kinds is open."""
        listening = self.past("listening")
        while True:
            for listener in listening[-1]["listeners"] if listening else ():
                if listener["kind"] in kinds:
                    return int(listener["port"])
            listening = [self.wait("listening")]

    def workers(self) -> dict[int, int]:
        """Return the Workers that live: number → pid."""
        started = {fact["worker"]: fact["pid"] for fact in self.past("worker-started")}
        for fact in self.past("worker-exited"):
            started.pop(fact["worker"], None)
        return started

    def manager(self) -> int:
        """Return the pid of the Manager that was started last to serve."""
        return int(self.past("manager-started", standby=False)[-1]["pid"])

    def pids(self) -> set[int]:
        """Return every process that ever belonged to it."""
        facts = self.past("worker-started") + self.past("manager-started") + self.past("started")
        return {self.process.pid, *(fact["pid"] for fact in facts)}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it gently; return the exit code once every process is gone."""
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE)
        self.all_gone()
        return code

    def all_gone(self) -> None:
        """Wait until no process of it is left."""
        for pid in self.pids():
            eventually(f"process {pid} has ended", partial(is_gone, pid))

    def clean_up(self) -> None:
        """End whatever is left, by its id."""
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(AssertionError):
            for pid in self.pids():
                eventually("left by itself", partial(is_gone, pid), deadline=8)
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._pipe.close()
        self.log.close()


class Client:
    """A line client over TCP or a Unix socket, with a deadline for each read."""

    def __init__(self, address: int | str) -> None:
        family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
        self.socket = socket.socket(family)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(("127.0.0.1", address) if isinstance(address, int) else address)
        self._buffer = b""

    def send(self, text: str) -> None:
        """Send a line."""
        self.socket.sendall(text.encode() + b"\n")

    def line(self) -> str:
        """Return the next line; "" when the server has closed."""
        while b"\n" not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                return ""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode().rstrip("\r")

    def ask(self, text: str) -> str:
        """Send a line and return the next one."""
        self.send(text)
        return self.line()

    def is_open(self) -> bool:
        """Return whether the connection is neither closed nor has unread bytes."""
        return not select.select([self.socket], [], [], 0)[0]

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()


@contextlib.contextmanager
def serving(folder: Path, *options: str, text: str | None = None, **settings: Any) -> Iterator[DevServer]:
    """Run a server on `handlers.py` with that text until the block ends; the story is shown when it fails."""
    if text is not None:
        (folder / "handlers.py").write_text(text)
    server = DevServer(folder, *options, **settings)
    try:
        yield server
        own = [fact for fact in server.past("notice") if "devserver's own" in fact["text"]]
        assert not own, own
    except BaseException:
        print(server.story())
        raise
    finally:
        server.clean_up()


def answering(answer: str, *, extra: str = "") -> str:
    """Return handlers that answer each line with `answer` and the line."""
    return (
        "from devserver import Lines\n"
        "protocol = Lines()\n"
        f"{extra}\n"
        "def on_receive(conn, data):\n"
        f"    conn.send({answer!r} + ' ' + data.decode() + '\\n')\n"
    )
