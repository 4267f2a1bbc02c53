"""What a Worker makes of the project's .env."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from devserver.ipc.messages import Target
from devserver.worker.run import environment


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the process back afterwards."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "argv", ["app"])
    monkeypatch.setattr(os, "environ", os.environ.copy())


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    """An editor has saved it in another encoding: the sentence shows which file, and where."""
    (tmp_path / ".env").write_bytes(b"CITY=Orl\xe9ans\n")
    with pytest.raises(environment.Unreadable, match=r"\.env is not UTF-8 \(byte 0xe9 at 8\)"):
        environment.prepare(Target("app", ()), str(tmp_path / ".env"))


def test_a_line_that_cannot_be_understood_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The rest counts; the warning shows which line of which file."""
    (tmp_path / ".env").write_text("FAR_A=1\nthis is 'no line\nFAR_B=2\n")
    environment.prepare(Target("app", ()), str(tmp_path / ".env"))
    assert f"{tmp_path}/.env:2 is not NAME=value: ignoring this line" in caplog.messages
    assert os.environ["FAR_A"] == "1"


def test_what_modules_have_set_yields_to_the_file(tmp_path: Path) -> None:
    """A variable that an inherited module sets at its import is the weakest."""
    (tmp_path / ".env").write_text("FAR_C=mine\n")
    environment.prepare(Target("app", ()), str(tmp_path / ".env"), {"FAR_C": "theirs", "FAR_D": "theirs"})
    assert (os.environ["FAR_C"], os.environ["FAR_D"]) == ("mine", "theirs")
