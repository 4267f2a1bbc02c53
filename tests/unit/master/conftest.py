"""Puts fake Managers in the place of real ones."""

from __future__ import annotations

from typing import Any

import pytest

from devserver.master.supervision import manager_processes, site_packages
from tests.fakes.manager import FakeManager


@pytest.fixture
def managers(monkeypatch: pytest.MonkeyPatch) -> list[FakeManager]:
    """Fake Managers are started instead of real ones, and listed here in order; no package changes."""
    found: list[FakeManager] = []

    def start(*arguments: Any) -> FakeManager:
        found.append(FakeManager(*arguments))
        return found[-1]

    monkeypatch.setattr(manager_processes, "Manager", start)
    monkeypatch.setattr(site_packages.SitePackages, "has_changed", lambda _installed: False)
    return found
