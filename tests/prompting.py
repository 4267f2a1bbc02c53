"""The command in the foreground of a terminal with an app over HTTP, and clients that ask it meanwhile."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

from tests.screen import DEADLINE, Pty

PICTURE = "r reload · q quit"
COMMAND = ("-m", "devserver", "--port", "0", "--workers", "1")


class Server(Pty):
    """Serves `main.py`, which holds `text`, until the block ends."""

    def __init__(
        self, folder: Path, text: str, *options: str, see: Sequence[str] = (PICTURE, "✓ LIVE")
    ) -> None:
        self.folder = folder
        self.save(text)
        self._asking = ThreadPoolExecutor(8)
        super().__init__(sys.executable, *COMMAND, *options, "main.py", folder=folder)
        self._port = 0
        self.see(*see)
        self._find_port()

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.end()
        super().__exit__()
        self._asking.shutdown(wait=True)

    def save(self, text: str) -> None:
        """Save `main.py`."""
        (self.folder / "main.py").write_text(text)

    @property
    def port(self) -> int:
        """Return the port for HTTP, as the screen has had it."""
        assert self._port or self._find_port(), self.text
        return self._port

    def _find_port(self) -> bool:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", "\n".join(self.scrolled)):
            self._port = int(found[1])
        return bool(found)

    def begin(self, path: str = "/") -> Future[str]:
        """Ask for `path`; return its answer to be."""
        return self._asking.submit(_get, self.port, path)

    def get(self, path: str = "/") -> str:
        """Ask for `path`, reading the terminal meanwhile; return the answer."""
        return self.answer(self.begin(path))

    def answer(self, asked: Future[str]) -> str:
        """Return the answer to what was asked, reading the terminal meanwhile."""
        self.read_until(asked.done)
        return asked.result()

    def first_line(self) -> None:
        """Go on to the line after breakpoint(), where Python < 3.13 stops at once."""
        self.see("(Pdb)")
        if "-> breakpoint()" in self.text:
            self.type(b"n\r")

    def quit(self) -> int:
        """Stop the server by its key, once the dashboard is there; return the exit code."""
        self.see(PICTURE)
        self.type(b"q")
        return self.end()


def _get(port: int, path: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()
