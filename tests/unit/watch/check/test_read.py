"""A file is read as it is, and what is no file does no harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devserver.ipc.source_digest import digest
from devserver.watch.check import read as reading
from devserver.watch.check.read import read, signature


def test_a_file(tmp_path: Path) -> None:
    """Bytes, digest and stat belong together."""
    path = tmp_path / "a.py"
    path.write_bytes(b"x = 1\r\n")
    content = read(str(path))
    assert content.data == b"x = 1\r\n"
    assert content.digest == digest(b"x = 1\r\n")
    assert content.signature == signature(str(path))
    assert not content.target


def test_two_saves_of_one_size_look_different(tmp_path: Path) -> None:
    """The stat that is compared has the time in nanoseconds and the inode."""
    path = tmp_path / "a.py"
    path.write_bytes(b"x = 1\n")
    before = signature(str(path))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1000))
    assert signature(str(path)) != before


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe", "below a file"])
def test_what_is_no_file_is_absent(tmp_path: Path, kind: str) -> None:
    """A pipe is not waited for, a folder is not read."""
    path = tmp_path / "a.py"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "below a file":
        path.write_bytes(b"")
        path = path / "b.py"
    content = read(str(path))
    assert (content.data, content.digest, content.error) == (None, b"", "")


def test_a_link_shows_where_it_leads(tmp_path: Path) -> None:
    """The real file is known, so that its folder can be watched too."""
    (tmp_path / "real.py").write_bytes(b"x = 1\n")
    (tmp_path / "link.py").symlink_to("real.py")
    assert read(str(tmp_path / "link.py")).target == os.path.realpath(tmp_path / "real.py")


def test_a_link_in_a_circle_has_an_error(tmp_path: Path) -> None:
    """What cannot be opened is not taken for absent."""
    (tmp_path / "a.py").symlink_to("a.py")
    content = read(str(tmp_path / "a.py"))
    assert content.data is None
    assert content.error
    assert content.digest


def test_a_huge_file_is_distinguished_by_its_stat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template folder with a film in it does not fill the memory."""
    monkeypatch.setattr(reading, "LARGEST", 10)
    path = tmp_path / "film.html"
    path.write_bytes(b"x" * 11)
    first = read(str(path))
    assert first.data is None
    path.write_bytes(b"x" * 12)
    assert read(str(path)).digest != first.digest
