"""Makes the pictures of the docs from the product itself: the real command in a real terminal, drawn as SVG.

    python -m benchmarks.pictures [--folder docs/pictures] [--light] [--size 80x24]

Needs the `test` extra (pyte, FastAPI). Each picture is a moment of one session: live, with requests, a failed
request, a broken save, its keys.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from http.client import HTTPConnection
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, DIMMED_MONOKAI, TerminalTheme
from rich.text import Text

DEADLINE = 60.0
APP = '''\
"""A shop."""

from fastapi import FastAPI

app = FastAPI()
PRICES = {"tea": 3.2, "cup": 7.5}


@app.get("/items")
async def items() -> list[str]:
    return sorted(PRICES)


@app.get("/items/{name}")
async def price(name: str, count: int = 1) -> dict[str, float]:
    print(f"asked for {count} {name}")
    return {"total": PRICES[name] * count}
'''
BROKEN = APP.replace('return {"total": PRICES[name] * count}', 'return {"total": PRICES[name] * count')


class _Screen(pyte.HistoryScreen):
    """Knows faint text, which pyte does not: it is drawn grey."""

    def select_graphic_rendition(self, *attributes: int, **more: Any) -> None:
        super().select_graphic_rendition(*attributes, **more)
        if 2 in attributes and not {38, 48} & set(attributes):
            self.cursor.attrs = self.cursor.attrs._replace(fg="brightblack")


class Session:
    """The command in a terminal of `width` × `height`, in a folder with the app."""

    def __init__(self, folder: Path, width: int, height: int, *options: str, **variables: str) -> None:
        self.folder = folder
        self.save(APP)
        self._master, self._slave = pty.openpty()
        self.resize(width, height)
        self.screen = _Screen(width, height, history=1_000)
        self._stream = pyte.ByteStream(self.screen)
        command = [sys.executable, "-m", "devserver", "--port", "0", *options, "main.py"]
        environment = {**os.environ, "TERM": "xterm-256color", **variables}
        self.process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" 0<>"$0" 1>&0 2>&0', os.ttyname(self._slave), *command],
            start_new_session=True,
            cwd=folder,
            env=environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(DEADLINE)
        os.close(self._master)
        os.close(self._slave)

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def save(self, text: str) -> None:
        (self.folder / "main.py").write_text(text)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def see(self, *texts: str) -> None:
        """Wait until all of them stand on the screen, and it is at rest."""
        self._read(lambda: all(text in self.text for text in texts))
        quiet = time.monotonic() + 0.5
        while time.monotonic() < quiet:
            if select.select([self._master], [], [], 0.1)[0]:
                self._stream.feed(os.read(self._master, 65536))

    def gone(self, text: str) -> None:
        """Wait until it stands there no more."""
        self._read(lambda: text not in self.text)

    def _read(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > deadline:
                sys.exit(f"never on the screen; what was:\n{self.text}")
            if select.select([self._master], [], [], 0.1)[0]:
                self._stream.feed(os.read(self._master, 65536))

    def ask(self, path: str) -> None:
        """Request a path, from the address that stands on the screen."""
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.text)
        assert found, self.text
        connection = HTTPConnection("127.0.0.1", int(found[1]), timeout=DEADLINE)
        connection.request("GET", path)
        connection.getresponse().read()
        connection.close()

    def svg(self, title: str, theme: TerminalTheme) -> str:
        """Return what stands on the screen as SVG, without fonts from elsewhere."""
        console = Console(record=True, width=self.screen.columns, file=open(os.devnull, "w"))  # noqa: SIM115
        rows = [self._row(number) for number in range(self.screen.lines)]
        while rows and not rows[-1].plain.strip():
            rows.pop()
        for row in rows:
            console.print(row, no_wrap=True, crop=True, end="\n")
        form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
        form = form.replace("Fira Code", "ui-monospace, SFMono-Regular, Menlo, DejaVu Sans Mono")
        picture = console.export_svg(title=title, theme=theme, code_format=form)
        return re.sub(r"(http://127\.0\.0\.1:)\d+", r"\g<1>8000", picture)

    def _row(self, number: int) -> Text:
        row = Text()
        line = self.screen.buffer[number]
        cells = (line[column] for column in range(self.screen.columns))
        for style, run in groupby(cells, key=_style):
            row.append("".join(cell.data for cell in run), style=style)
        row.rstrip()
        return row


def _style(cell: Any) -> Style:
    return Style(
        color=_colour(cell.fg), bgcolor=_colour(cell.bg), bold=cell.bold, underline=cell.underscore,
        italic=cell.italics, reverse=cell.reverse,
    )  # fmt: skip


def _colour(name: str) -> Color | None:
    if name == "default":
        return None
    name = {"brown": "yellow", "brightbrown": "brightyellow"}.get(name, name)
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return Color.parse(f"#{name}")
    return Color.parse(name.replace("bright", "bright_"))


MOMENTS = ("live", "broken-save", "failed-request", "first-start", "processes", "keys")


def shoot(width: int, height: int, keep: Callable[[str, Session], None], *options: str, **more: str) -> None:
    """Take each moment of a session; `keep` gets its name."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "shop"
        folder.mkdir()
        with Session(folder, width, height, *options, **more) as session:
            session.see("LIVE")
            keep("first-start", session)
            session.see("preloaded")
            for name in ("small", "better"):
                session.save(APP.replace("A shop.", f"A {name} shop."))
                session.see("✓ live · main.py")
                session.type(b"c")
                session.gone("✓ live · main.py")
                session.see("LIVE")
            for path in ("/items", "/items/tea?count=2", "/items/cup"):
                session.ask(path)
            session.see("/items/cup")
            keep("live", session)
            session.ask("/items/pot")
            session.see("KeyError")
            keep("failed-request", session)
            session.save(BROKEN)
            session.see("NOT LIVE")
            keep("broken-save", session)
            session.save(APP)
            session.gone("NOT LIVE")
            session.type(b"p")
            session.see("state" if width >= 60 else "pid")
            keep("processes", session)
            session.type(b"h")
            session.see("quit")
            keep("keys", session)


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description="Make the pictures of the docs.")
    parser.add_argument("--folder", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--light", action="store_true", help="on a light ground")
    parser.add_argument("--size", default="88x26", help="columns x rows")
    parser.add_argument("--only", nargs="*", default=MOMENTS, choices=MOMENTS)
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    theme = DEFAULT_TERMINAL_THEME if given.light else DIMMED_MONOKAI
    given.folder.mkdir(parents=True, exist_ok=True)

    def keep(name: str, session: Session) -> None:
        if name in given.only:
            (given.folder / f"{name}.svg").write_text(session.svg("devserver main.py", theme))
            print(f"── {name}\n{session.text.rstrip()}")

    shoot(width, height, keep)


if __name__ == "__main__":
    main()
