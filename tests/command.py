"""The installed command, run to its end: for commands that are refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.harness import DEADLINE, answering

SCRIPT = (str(Path(sys.executable).with_name("devserver")),)
"""The installed command: what a user types."""
PLAIN_ROOT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Root that obeys the permissions of files, as anybody else does."""


def run(folder: Path, *arguments: str, command: Sequence[str] = SCRIPT) -> tuple[int, str]:
    """Run a command that ends by itself; return its exit code and what it wrote."""
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE * 2,
        check=False,
    )
    output = done.stdout.decode(errors="replace")
    assert "Traceback" not in output
    assert "internal error" not in output
    return done.returncode, output


def refused(folder: Path, *arguments: str, command: Sequence[str] = SCRIPT) -> str:
    """Run a command that cannot be carried out; return the one sentence that gives the reason."""
    code, output = run(folder, *arguments, command=command)
    assert (code, output.count("\n")) == (2, 1), output
    return output.removeprefix("devserver: ").rstrip("\n")


def as_anybody() -> tuple[str, ...]:
    """Return what to put before the command so that permissions hold."""
    if os.geteuid():
        return ()
    probe = [*PLAIN_ROOT, "true"]
    if not shutil.which("setpriv") or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("root cannot give up its privileges here")
    return PLAIN_ROOT


def good_project(tmp_path: Path) -> Path:
    """Return a folder with handlers that work; a fixture."""
    (tmp_path / "handlers.py").write_text(answering("good"))
    return tmp_path
