"""What `growth` lets grow: a distribution of many modules, a tree of many files, many open connections."""

from __future__ import annotations

import compileall
import contextlib
import resource
import socket
from pathlib import Path
from typing import Self

from benchmarks.client import HOST

_MODULE = """\
from dataclasses import dataclass


@dataclass
class Thing@N@:
    name: str
    number: int = @N@


def thing(name: str) -> Thing@N@:
    return Thing@N@(name)
"""


def make_distribution(folder: Path, modules: int) -> Path:
    """Make a folder for PYTHONPATH that has a compiled distribution `bulk`, as pip would leave it."""
    site = folder / "site-packages"
    package = site / "bulk"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for number in range(modules):
        (package / f"module{number}.py").write_text(_MODULE.replace("@N@", str(number)))
    info = site / "bulk-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bulk\nVersion: 1.0\n")
    compileall.compile_dir(package, quiet=1)
    return site


def add_files(tree: Path, start: int, stop: int) -> None:
    """Write the Python files with these numbers: 100 in a folder, 100 such folders in a folder."""
    for number in range(start, stop):
        folder = tree / f"part{number // 10_000:02}" / f"piece{number // 100 % 100:02}"
        if number % 100 == 0:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file{number % 100:02}.py").write_text(f"VALUE = {number}\n")


def raise_limit() -> None:
    """Let this process, and what it starts, have as many descriptors as is allowed."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Connections:
    """Connections that have had one answer each, and rest."""

    def __init__(self, port: int, count: int) -> None:
        self._request = f"GET / HTTP/1.1\r\nhost: {HOST}:{port}\r\n\r\n".encode()
        self._open = [socket.create_connection((HOST, port), 10.0) for _ in range(count)]
        self.alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._open:
            connection.close()

    def alive(self) -> int:
        """Ask on each; return how many are answered."""
        answered = 0
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.sendall(self._request)
                answered += connection.recv(65536).startswith(b"HTTP/1.1 200")
        return answered
