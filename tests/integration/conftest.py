"""Fixtures of the tests with real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.integration.preloading")

from tests.integration.preloading import Project  # noqa: E402


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with an app and a folder of installed packages."""
    return Project(tmp_path)
