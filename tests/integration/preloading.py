"""Runs preload_process.py: an app cold, preloading, and the same app in a Worker forked afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DEADLINE = 60.0
SCRIPT = Path(__file__).with_name("preload_process.py")


class Run:
    """What happened, in order: `results` has the last of each kind, `announced` the modules."""

    def __init__(self, folder: Path, **orders: Any) -> None:
        process = subprocess.run(
            [sys.executable, "-P", str(SCRIPT)],
            input=json.dumps(
                {"project": str(folder / "own"), "site": str(folder / "site-packages"), **orders}
            ),
            stdout=subprocess.PIPE,
            text=True,
            timeout=DEADLINE,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            check=False,
        )
        self.status = process.returncode
        lines = [json.loads(line) for line in process.stdout.splitlines()]  # nothing else was printed
        self.results: dict[str, Any] = {what: value for what, value in lines if what != "announced"}
        self.announced = [value for what, value in lines if what == "announced"]

    @property
    def left_out(self) -> dict[str, str]:
        return dict(self.results["report"][2])

    @property
    def restart_without(self) -> list[Any]:
        last: list[Any] = self.results["report"][4]
        return last


class Project:
    """An app and installed modules; `run` preloads until a process is fit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("own", "site-packages"):
            (folder / name).mkdir()

    def write(self, app: str, **installed: str) -> None:
        (self.folder / "own/app.py").write_text(textwrap.dedent(app))
        for name, text in installed.items():
            (self.folder / f"site-packages/{name}.py").write_text(textwrap.dedent(text))

    def own(self, name: str, text: str) -> None:
        (self.folder / f"own/{name}.py").write_text(textwrap.dedent(text))

    def once(self, **orders: Any) -> Run:
        return Run(self.folder, **orders)

    def run(
        self, tries: int = 3, same: Iterable[str] = ("value", "printed", "status", "left"), **orders: Any
    ) -> Run:
        """Preload again without the modules that were unfit; both runs of the app must be equal."""
        without: list[Any] = []
        doubts: dict[str, str] = {}
        for _ in range(tries):
            run = self.once(without=without, doubts=doubts, **orders)
            without += run.restart_without
            doubts |= run.results["doubts"]
            if not run.restart_without and not run.results["doubts"]:
                assert run.results["fit"]
                cold, warm = run.results["cold"], run.results["warm"]
                for what in same:
                    if what == "left":  # environment and conditions
                        for kind in (0, 1):
                            there = {name: warm["left"][kind].get(name) for name in cold["left"][kind]}
                            assert there == cold["left"][kind]
                    assert warm[what] == cold[what], what
                return run
        raise AssertionError(f"no process was fit: {without}")
