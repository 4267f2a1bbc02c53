"""The console in a terminal that wraps its lines again when it gets narrower, as most do; tmux is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.screen import DEADLINE

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
APP = "async def app(scope, receive, send):\n    raise NotImplementedError\n"


class Tmux:
    """A tmux of its own with the command in its only window."""

    def __init__(self, folder: Path) -> None:
        self._socket = str(folder / "tmux")
        (folder / "main.py").write_text(APP)
        command = [sys.executable, "-m", "devserver", "--port", "0", "main.py"]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        size = ("-x", "100", "-y", "30", "-c", str(folder))
        self.run("-f", "/dev/null", "new-session", "-d", "-s", "a", *size, *command, environment=environment)
        self.run("set", "-g", "window-size", "manual")

    def run(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        command = ["tmux", "-u", "-S", self._socket, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout

    @property
    def text(self) -> str:
        """The screen and what has scrolled off it."""
        return self.run("capture-pane", "-t", "a", "-p", "-S", "-")

    def wait(self, condition: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition(text := self.text):
            assert time.monotonic() < deadline, text
            time.sleep(0.05)  # tmux has no event for it

    def end(self) -> None:
        self.run("send-keys", "-t", "a", "q")
        deadline = time.monotonic() + DEADLINE
        while os.path.exists(self._socket) and time.monotonic() < deadline:
            try:
                self.run("list-sessions")
            except subprocess.CalledProcessError:
                return
            time.sleep(0.05)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    found = Tmux(tmp_path)
    yield found
    found.end()


def test_a_narrower_window_keeps_one_picture(tmux: Tmux) -> None:
    """Where the old picture was folded by the terminal it is taken away whole, from the history too."""
    tmux.wait(lambda text: "✓ LIVE" in text and "1 process" in text)
    for width, height in ((44, 14), (120, 40), (36, 20), (80, 24)):
        tmux.run("resize-window", "-t", "a", "-x", str(width), "-y", str(height))
        wanted = {"r reload": 1, "✓ LIVE": 1, "1 process": int(width > 50)}
        tmux.wait(lambda text, wanted=wanted: {word: text.count(word) for word in wanted} == wanted)  # type: ignore[misc]
