"""What every kind of test may ask for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder for Unix sockets, whose paths have at most 107 bytes (unix(7)), wherever TMPDIR lies."""
    with tempfile.TemporaryDirectory(prefix="ds-", dir="/tmp") as folder:
        yield Path(folder).resolve()
