"""Runs the command without a server: what it would be given, or why it is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from devserver.cli import command as cli
from devserver.cli.pyproject import PREFIX
from devserver.config import Config

Run = Callable[..., Config]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cwd: a folder with handlers.py in it, and no variable of ours in the environment."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    (tmp_path / "handlers.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


@pytest.fixture
def config_of(project: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs the command and returns the settings that the server would get."""
    seen: list[Config] = []

    def fake(config: Config) -> int:
        seen.append(config)
        return 0

    def run(*arguments: str) -> Config:
        assert cli.main(arguments) == 0
        return seen.pop()

    monkeypatch.setattr(cli, "run", fake)
    return run


@pytest.fixture
def refusal(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Return a function that runs a command that must be refused, and returns the sentence."""

    def refuse(*arguments: str) -> str:
        assert cli.main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("devserver: ")
        assert err.count("\n") == 1
        return err.removeprefix("devserver: ").rstrip()

    monkeypatch.setattr(cli, "run", lambda _config: pytest.fail("the server was started"))
    return refuse
