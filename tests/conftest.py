"""What every kind of test may ask for."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest


def pytest_configure() -> None:
    """Keep compiled modules, as on a user's machine, whatever the environment: servers start in less time."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes run the tests: most wait more than they compute, but for unit tests."""
    if len(config.args) == 1 and (".py" in config.args[0] or "unit" in config.args[0]):
        return 0
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests of one file run in one process if they are quick or share a server, else anywhere."""
    for item in items:
        if "unit" in item.path.parts or _shares_fixtures(item.path):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@cache
def _shares_fixtures(file: Path) -> bool:
    """Return whether tests of a file share a server: each process that runs some of them starts one."""
    return 'scope="module"' in file.read_text("utf-8")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder for Unix sockets, whose paths have at most 107 bytes (unix(7)), wherever TMPDIR lies."""
    with tempfile.TemporaryDirectory(prefix="ds-", dir="/tmp") as folder:
        yield Path(folder).resolve()
