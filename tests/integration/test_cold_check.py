"""Compares a user's app, swapped, with a cold start of it: in real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from devserver.ipc.cold_check_messages import ColdCheck, Found
from devserver.ipc.messages import Target

ROOT = str(Path(__file__).parents[2])


def check(folder: Path, files: dict[str, str]) -> tuple[Found, int]:
    """Return what is found in an app, and the exit code."""
    for name, text in files.items():
        (folder / name).write_text(text)
    order = ColdCheck(str(folder), Target("main", (str(folder),), path=str(folder / "main.py")))
    done = subprocess.run(
        [sys.executable, "-m", "devserver.worker.cold_check"],
        input=msgspec.json.encode(order),
        stdout=subprocess.PIPE,
        cwd=folder,
        env={"PYTHONPATH": ROOT, "PATH": ""},
        timeout=60,
        check=False,
    )
    return msgspec.json.decode(done.stdout, type=Found), done.returncode


APP = (
    "import time, random, other\nT = time.time(), random.random()\nprint('hello')\n"
    "async def app(scope, receive, send): pass\n"
)
OTHER = "class A:\n    def m(self): return 1\ndef f(): return A()\nX = f()\n"


def test_an_app_that_can_be_swapped(tmp_path: Path) -> None:
    """Nothing differs, but for time and chance."""
    found, code = check(tmp_path, {"main.py": APP, "other.py": OTHER})
    assert (found, code) == (Found(2), 0)
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_line_number_that_is_kept(tmp_path: Path) -> None:
    """What nothing can see coming is found here."""
    found, code = check(
        tmp_path, {"main.py": f"{APP}import sys\nX = sys._getframe().f_lineno\n", "other.py": OTHER}
    )
    assert found.differences == ["/modules/main/X: cold int 6, hot int 7"]
    assert code == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [("import inspect\nS = inspect.getsource(other)\n", "main read its source at import")],
)
def test_a_file_that_cannot_be_swapped(tmp_path: Path, line: str, reason: str) -> None:
    """It is named, with the reason, and the others are compared."""
    found, code = check(tmp_path, {"main.py": APP + line, "other.py": OTHER})
    assert found == Found(1, {str(tmp_path / "other.py"): reason})
    assert code == 0


def test_an_app_that_cannot_be_imported(tmp_path: Path) -> None:
    """Its traceback is reported."""
    found, code = check(tmp_path, {"main.py": "1/0\n", "other.py": OTHER})
    assert "ZeroDivisionError" in found.error
    assert code == 2
