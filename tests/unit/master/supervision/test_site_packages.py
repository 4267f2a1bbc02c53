"""What is installed, and what of it a file of the app's hides."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from devserver.master.supervision.site_packages import SitePackages, top_level

SEARCH = ("/project", "/project/src")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/project/yaml.py", "yaml"),
        ("/project/src/yaml.py", "yaml"),
        ("/project/yaml/__init__.py", "yaml"),
        ("/project/yaml/nodes.py", ""),
        ("/project/pages/yaml.py", ""),
        ("/elsewhere/yaml.py", ""),
        ("/project/pages/yaml/__init__.py", ""),
    ],
)
def test_a_file_hides_what_is_installed_only_where_it_is_looked_for(path: str, name: str) -> None:
    """A yaml.py beside the app is what `import yaml` finds; one in a package is not."""
    assert top_level(path, SEARCH) == name


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages on the path, changed last long ago."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    os.utime(folder, (1, 1))
    monkeypatch.setattr(sys, "path", [*sys.path, f"{folder}{os.sep}", str(tmp_path / "plain")])
    return folder


def test_an_installation_is_seen_once(site: Path) -> None:
    """After pip the next save runs what is installed then."""
    found = SitePackages()
    (site / "other-2.dist-info").mkdir()
    assert found.has_changed()
    assert not found.has_changed()


def test_what_is_as_it_was_looks_so(site: Path) -> None:
    """A save alone throws no preloaded modules away, nor does what imports leave behind."""
    (site / "pkg").mkdir()
    found = SitePackages()
    (site / "pkg" / "module.py").touch()
    (site / "__pycache__").mkdir()
    assert not found.has_changed()


def test_a_folder_that_is_missing_is_no_error(site: Path) -> None:
    """It may come with the next installation."""
    site.rmdir()
    found = SitePackages()
    assert not found.has_changed()
    (site / "other").mkdir(parents=True)
    assert found.has_changed()
