"""`devserver check --cold` compares an app, swapped, with a cold start: as it is typed, on whole projects."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devserver.control import sockets
from tests.command import SCRIPT, run
from tests.harness import DEADLINE, eventually, is_gone

MAIN = """
import os, random, time
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from shop import models, prices

print("imported")
BEGAN, TOKEN = time.time(), random.random()
NAME = os.environ["SHOP_NAME"]

def home(request):
    return JSONResponse({"price": prices.price(models.Room(2))})

app = Starlette(routes=[Route("/", home)])
"""
MODELS = """
from dataclasses import dataclass
from functools import lru_cache

@dataclass(frozen=True)
class Room:
    beds: int

    def label(self):
        return f"{self.beds} beds"

@lru_cache
def room(beds):
    return Room(beds)
"""
PRICES = """
from shop.models import Room, room

TABLE = {2: lambda: 80, 4: lambda: 140}

def price(room: Room, night: int = 1) -> int:
    return TABLE[room.beds]() * night

DOUBLE = price(room(2))
"""
LINES = """
import sys

HANDLERS = {}

def rule(function):
    HANDLERS[sys._getframe(1).f_lineno] = function
    return function

@rule
def first(): return 1
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a package, a framework, a dataclass, a cache and a .env."""
    (tmp_path / "shop").mkdir()
    for name, text in {"__init__": "", "models": MODELS, "prices": PRICES}.items():
        (tmp_path / "shop" / f"{name}.py").write_text(text)
    (tmp_path / "main.py").write_text(MAIN)
    (tmp_path / ".env").write_text("SHOP_NAME=Sea View\n")
    return tmp_path


def check(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run it with --json; return the exit code and the answer."""
    command = [*SCRIPT, "check", "--cold", "--json", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=DEADLINE * 2, check=False)
    (line,) = done.stdout.splitlines()
    return done.returncode, json.loads(line)


def test_a_project_that_a_swap_leaves_as_a_cold_start_does(shop: Path) -> None:
    """Time, chance and the .env are no difference; nothing stays behind in the project."""
    code, checked = check(shop)
    assert (code, checked["ok"], checked["imported"], checked["files"]) == (0, True, True, 4)
    assert checked["cold"] == {"compared": 3, "left_out": {}, "differences": [], "error": ""}
    assert not sockets.of_project(str(shop))
    code, text = run(shop, "check", "--cold")
    assert (code, text.endswith("4 files checked, no errors, and the app starts\n")) == (0, False), text
    assert text.endswith("and the app starts\na swap of 3 files equals a cold start\n")


def test_a_project_that_differs_shows_where_and_what_to_do(shop: Path) -> None:
    """A table by line numbers that were read from the stack: no rule can see it coming."""
    (shop / "shop" / "rules.py").write_text(LINES)
    (shop / "main.py").write_text(MAIN + "from shop import rules\n")
    code, checked = check(shop)
    assert (code, checked["ok"], checked["failures"]) == (1, False, [])
    differences = checked["cold"]["differences"]
    assert any("shop.rules/HANDLERS" in each for each in differences)
    code, text = run(shop, "check", "--cold", "--app", "main:app")
    assert code == 1
    assert all(f"differs from a cold start: {each}\n" in text for each in differences)
    assert text.endswith("a swap of 4 files is no cold start: serve this app with --warm off\n")


def test_a_file_that_is_never_swapped_is_named(shop: Path) -> None:
    """It makes nothing wrong: each save of it imports everything."""
    (shop / "main.py").write_text(MAIN + "import inspect\nTEXT = inspect.getsource(models)\n")
    code, text = run(shop, "check", "--cold")
    assert code == 0
    assert "shop/models.py is never swapped, a save of it imports everything: main read its source" in text
    assert text.endswith("a swap of 2 files equals a cold start\n")


def test_a_child_process_that_the_import_leaves_is_ended(shop: Path) -> None:
    """It may have run the app's code, so nothing is swapped; and the command does not wait for it."""
    child = "import subprocess\nHELPER = subprocess.Popen(['sleep', '600'])\nprint(HELPER.pid)\n"
    (shop / "main.py").write_text(MAIN + child)
    code, text = run(shop, "check", "--cold")
    assert code == 0
    assert "no file of this app is swapped, each save imports everything: sleep was started" in text
    children = [int(line) for line in text.splitlines() if line.isdigit()]
    assert len(children) >= 4
    for pid in children:
        eventually("it has ended", partial(is_gone, pid))


def test_an_app_that_does_not_start_is_not_compared(shop: Path) -> None:
    """Its failure is shown as without --cold."""
    (shop / "main.py").write_text("import no_such_thing\n")
    code, checked = check(shop)
    assert (code, checked["ok"], checked["cold"]) == (1, False, None)
    assert checked["failures"][0]["type"] == "ModuleNotFoundError"


def test_handlers_without_an_app_are_compared(tmp_path: Path) -> None:
    """Named by their file."""
    (tmp_path / "chat.py").write_text("async def on_receive(conn, data):\n    await conn.send(data)\n")
    code, checked = check(tmp_path, "--app", "chat.py")
    assert (code, checked["cold"]["compared"]) == (0, 1)
