"""Tests of frameworks are skipped where the extra `test-frameworks` is not installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

REMEDY = "pip install -e '.[test,test-frameworks]'"


def need(*packages: str) -> None:
    """Skip the test, or the module that is being imported, unless these are installed."""
    if lacking := [package for package in packages if find_spec(package) is None]:
        pytest.skip(f"{', '.join(lacking)} not installed: {REMEDY}", allow_module_level=True)
