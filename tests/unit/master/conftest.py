"""Managers without processes."""

from __future__ import annotations

from typing import Any

import pytest

from devserver.master.supervision import manager_launcher, site_packages
from tests.unit.master.pretend import Pretend


@pytest.fixture
def managers(monkeypatch: pytest.MonkeyPatch) -> list[Pretend]:
    """No Manager is a process, and nothing is installed; all that are started are in this list, in order."""
    found: list[Pretend] = []

    def start(*arguments: Any) -> Pretend:
        found.append(Pretend(*arguments))
        return found[-1]

    monkeypatch.setattr(manager_launcher, "Manager", start)
    monkeypatch.setattr(site_packages.SitePackages, "has_changed", lambda _installed: False)
    return found
