"""The settings module that a manage.py names, in whatever way it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from devserver.cli.manage_py import settings_of


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)


def named(folder: Path, source: str | bytes) -> str:
    file = folder / "manage.py"
    file.write_bytes(source.encode() if isinstance(source, str) else source)
    return settings_of(file, lambda module: module.startswith("proj."))


@pytest.mark.parametrize(
    "source",
    [
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")',
        "def main():\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'proj.settings')",
        'os.environ["DJANGO_SETTINGS_MODULE"] = "proj.settings"',
        'os.environ.update({"A": "b", **more, "DJANGO_SETTINGS_MODULE": "proj.settings"})',
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", os.environ.get("SETTINGS", "proj.settings"))',
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", config("DJANGO_SETTINGS_MODULE", "proj.settings"))',
        # Python 2, half a line, and what no compiler takes
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")\nprint "hello"',
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'proj.settings'\nif True",
        b'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")\n\0\xff',
    ],
)
def test_the_settings_are_read(tmp_path: Path, source: str | bytes) -> None:
    """Any quoting, call, assignment or fallback will do, in code that does not compile too."""
    assert named(tmp_path, source) == "proj.settings"


@pytest.mark.parametrize("first", ["test", "prod"])
def test_of_several_the_one_for_development_is_meant(tmp_path: Path, first: str) -> None:
    """A branch for tests or production is not what a development server is started for."""
    source = """
if choice:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings.{}")
else:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings.local")
"""
    assert named(tmp_path, source.format(first)) == "proj.settings.local"


@pytest.mark.parametrize(
    "source",
    ["", "print('no Django')", 'x = "DJANGO_SETTINGS_MODULE"', 'put("DJANGO_SETTINGS_MODULE", elsewhere())'],
)
def test_nothing_is_made_up(tmp_path: Path, source: str) -> None:
    """What names no settings gives none."""
    assert named(tmp_path, source) == ""


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DJANGO_SETTINGS_MODULE is what Django itself would take; it makes no Django of another manage.py."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "proj.other")
    source = 'from django.core.management import execute_from_command_line\nsettings("proj.settings")'
    assert named(tmp_path, source) == "proj.other"
    assert named(tmp_path, "from flask_script import Manager") == ""
