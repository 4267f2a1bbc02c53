"""Gives the driver its orders, and compares what comes back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from devserver.worker.warm.visible_state import differences
from tests.warm.driver import Order, State, receive, send

SEED = "7"


class Driver:
    """A process that boots apps, hot and cold."""

    def __init__(self) -> None:
        root = Path(__file__).parents[2]
        environment = {**os.environ, "PYTHONHASHSEED": SEED, "PYTHONPATH": str(root)}
        environment.pop("COVERAGE_PROCESS_START", None)
        command = [sys.executable, "-c", "from tests.warm.driver import main; main()"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=root
        )

    def run(self, order: Order) -> list[State]:
        """Return what came of each edit."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        send(cast("Any", self._process.stdin), order)
        answer = receive(cast("Any", self._process.stdout))
        assert isinstance(answer, list), answer
        return answer

    def __enter__(self) -> Driver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class App:
    """A small app: its files at first, each edit compared with a cold start."""

    def __init__(self, driver: Driver, folder: Path, files: Mapping[str, str]) -> None:
        self._driver = driver
        self._folder = folder
        self._files = dict(files)

    def edit(self, edit: Mapping[str, str | None], *, after: str = "", before: str = "") -> State:
        """Return what came of an edit; fail if it was swapped and cannot be what a cold start gives."""
        order = Order(str(self._folder), "main", self._files, [edit], after, before)
        (state,) = self._driver.run(order)
        assert not state.hot_error, state.hot_error
        if state.refused is None:
            told = same(state)
            assert not told, "\n".join(told)
        return state


def same(state: State) -> list[str]:
    """Return what differs between hot and cold."""
    told = list(differences(state.cold, state.hot))
    if state.hot_after != state.cold_after:
        told.append(f"after: cold {state.cold_after}, hot {state.hot_after}")
    if state.cold_error:
        told.append(f"a cold start fails: {state.cold_error}")
    return told
