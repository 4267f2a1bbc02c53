"""The clients of the benchmarks: one request, a connection that is kept, an event stream."""

from __future__ import annotations

import contextlib
import http.client
import re
import select
import socket
import threading
import time
from dataclasses import dataclass, field

VERSION = re.compile(rb"version (\d{6})")
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """What a server said: `at` is when the first byte came (perf_counter), `version` 0 if it named none."""

    status: int
    version: int
    at: float


def free_port() -> int:
    """Return a port that the kernel chose."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def get(port: int, path: str = "/", timeout: float = 4.0) -> Answer:
    """Ask over a connection of its own. Raises OSError, also where nothing is answered."""
    with socket.create_connection((HOST, port), timeout) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: {HOST}:{port}\r\nconnection: close\r\n\r\n".encode())
        data = client.recv(65536)
        at = time.perf_counter()
        more = data
        while more:
            more = client.recv(65536)
            data += more
    if not data.startswith(b"HTTP/1."):
        raise ConnectionResetError("no answer")
    return Answer(int(data[9:12]), _version(data), at)


def await_version(port: int, version: int, patience: float) -> bool:
    """Return whether that version, or a later one, answers within `patience` seconds."""
    end = time.monotonic() + patience
    while (left := end - time.monotonic()) > 0:
        with contextlib.suppress(OSError):
            if get(port, timeout=min(left, 2.0)).version >= version:
                return True
        time.sleep(0.01)
    return False


class Keeper:
    """A client that keeps its connection, asks again and again on it, and opens another if it is cut."""

    def __init__(self, port: int, gap: float = 0.01) -> None:
        self._port, self._gap = port, gap
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.first: dict[int, float] = {}
        """When each version answered first."""
        self.cut = False
        self.failed = 0
        """Requests that got no answer, or 5xx."""
        self._connection = self._open()
        self.offered = self._ask() and self._connection.sock is not None
        """Whether the server keeps connections at all."""

    def begin(self) -> None:
        """Go on asking, on a thread of its own."""
        self._thread.start()

    def end(self) -> None:
        """Stop asking, and close."""
        self._stop.set()
        self._thread.join(5.0)
        self._connection.close()

    def _open(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=4.0)
        connection.auto_open = 0
        with contextlib.suppress(OSError):
            connection.connect()
        return connection

    def _run(self) -> None:
        while not self._stop.wait(self._gap):
            sock = self._connection.sock
            if sock is None or _is_readable(sock):
                self.cut = True
                self._connection.close()
                self._connection = self._open()
            elif not self._ask():
                self.failed += 1

    def _ask(self) -> bool:
        try:
            self._connection.request("GET", "/")
            answer = self._connection.getresponse()
            at = time.perf_counter()
            self.first.setdefault(_version(answer.read()), at)
            return answer.status < 500
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False


@dataclass
class EventStream:
    """A client of /events: which versions spoke, and whether the stream has ended."""

    port: int
    versions: set[int] = field(default_factory=set)
    ended: bool = False

    def __post_init__(self) -> None:
        self._socket = socket.create_connection((HOST, self.port), 4.0)
        self._socket.sendall(
            f"GET /events HTTP/1.1\r\nhost: {HOST}:{self.port}\r\naccept: text/event-stream\r\n\r\n".encode()
        )
        self._socket.settimeout(None)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(2.0)
        self._socket.close()

    def _read(self) -> None:
        data = b""
        with contextlib.suppress(OSError):
            while more := self._socket.recv(65536):
                data = data[-20:] + more
                self.versions.update(map(int, VERSION.findall(data)))
        self.ended = True


def _is_readable(sock: socket.socket) -> bool:
    """Return whether something, or the end, has come. select() would not do: it knows 1,024 descriptors."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _version(data: bytes) -> int:
    found = VERSION.search(data)
    return int(found[1]) if found else 0
