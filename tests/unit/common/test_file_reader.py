"""Files of the project are read where nothing may block."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from devserver.common import file_reader
from devserver.common.file_reader import Reader, read_regular


def test_a_file_is_read_up_to_a_limit(tmp_path: Path) -> None:
    """Through a symbolic link too."""
    (tmp_path / "file").write_bytes(b"hello")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(str(tmp_path / "file"), 100) == b"hello"
    assert read_regular(str(tmp_path / "link"), 4) == b"hell"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe without a writer, a device, a folder, a name with a null, nothing at all."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "missing", "nu\0ll"):
        assert read_regular(str(tmp_path / name), 100) is None
    assert read_regular("/dev/zero", 100) is None


def test_a_disk_that_does_not_answer_is_given_up_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that come meanwhile wait for the same read, and are answered when the disk answers."""
    answers, asked = threading.Event(), []

    def hung(path: str, largest: int) -> bytes:
        asked.append(path)
        answers.wait(10)
        return b"late"

    monkeypatch.setattr(file_reader, "read_regular", hung)

    async def scenario() -> None:
        reader = Reader("/mnt/index.html", 100)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await reader.read(0.01)
        assert len(asked) == 1
        answers.set()
        assert await reader.read(10) == b"late"
        assert await reader.read(10) == b"late"
        assert len(asked) == 2, "a read that came back is not used again"

    asyncio.run(scenario())
