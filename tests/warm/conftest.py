"""One process that boots apps, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.warm.rig import Driver


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """Return a driver."""
    with Driver() as driver:
        yield driver
