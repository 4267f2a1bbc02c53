"""What the kernel's events mean, one by one, on real folders."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devserver.watch.notice.debounce import Kind
from devserver.watch.notice.inotify import Fact, FolderCame, FolderLeft, Inotify, Overflowed, Touched

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def inotify(tmp_path: Path) -> Iterator[Inotify]:
    inotify = Inotify()
    assert inotify.add(str(tmp_path))
    yield inotify
    inotify.close()


def facts(inotify: Inotify) -> list[Fact]:
    return list(inotify.facts(inotify.read()))


def test_a_plain_save(inotify: Inotify, tmp_path: Path) -> None:
    """A file that is written is open, then done; by then the events are there."""
    path = str(tmp_path / "a.py")
    with open(path, "w") as file:
        file.write("x = 1\n")
        file.flush()
        assert set(facts(inotify)) == {Touched(path, Kind.OPEN)}
    assert facts(inotify) == [Touched(path, Kind.DONE)]
    assert inotify.read() == b""


def test_renaming_and_deleting(inotify: Inotify, tmp_path: Path) -> None:
    """A file that was moved in is done, one that was moved away or deleted is gone."""
    (tmp_path / "a").write_text("")
    facts(inotify)
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "b").unlink()
    assert facts(inotify) == [
        Touched(str(tmp_path / "a"), Kind.GONE),
        Touched(str(tmp_path / "b"), Kind.DONE),
        Touched(str(tmp_path / "b"), Kind.GONE),
    ]


def test_reading_is_no_event(inotify: Inotify, tmp_path: Path) -> None:
    """Importing the app or changing a mode does not reload it."""
    (tmp_path / "a").write_text("x")
    facts(inotify)
    (tmp_path / "a").read_text()
    (tmp_path / "a").chmod(0o600)
    os.listdir(tmp_path)
    assert inotify.read() == b""


def test_folders_come_and_leave(inotify: Inotify, tmp_path: Path) -> None:
    """A folder that leaves is watched no more, with all below it."""
    (tmp_path / "d/e").mkdir(parents=True)
    d = str(tmp_path / "d")
    assert facts(inotify) == [FolderCame(d)]
    assert inotify.add(d)
    assert inotify.add(d + "/e")
    os.rename(d, d + "2")
    assert facts(inotify) == [FolderLeft(d), FolderCame(d + "2")]
    assert d not in inotify
    assert d + "/e" not in inotify
    assert facts(inotify) == []  # what the removed watches said last
    assert inotify.add(d + "2")
    assert inotify.add(d + "2/e")
    os.rmdir(d + "2/e")
    os.rmdir(d + "2")
    assert facts(inotify) == []
    assert d + "2" not in inotify
    assert d + "2/e" not in inotify


def test_a_watched_folder_itself_goes(inotify: Inotify, tmp_path: Path) -> None:
    """The end of a top folder is reported, for its parent is not watched."""
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert facts(inotify) == [FolderLeft(str(tmp_path))]
    tmp_path.mkdir()
    assert inotify.add(str(tmp_path))
    (tmp_path / "a").touch()
    assert Touched(str(tmp_path / "a"), Kind.DONE) in facts(inotify)


def test_two_names_of_one_folder(inotify: Inotify, tmp_path: Path) -> None:
    """A folder that is also reached through a link tells under both names."""
    other = str(tmp_path.with_name("link"))
    os.symlink(tmp_path, other)
    assert inotify.add(other)
    (tmp_path / "a").touch()
    assert {f"{tmp_path}/a", f"{other}/a"} == {
        fact.path for fact in facts(inotify) if isinstance(fact, Touched)
    }
    inotify.leave(other)
    (tmp_path / "b").touch()
    assert {f"{tmp_path}/b"} == {fact.path for fact in facts(inotify) if isinstance(fact, Touched)}


def test_an_overflow_is_reported(inotify: Inotify) -> None:
    """Lost events are not lost silently."""
    assert list(inotify.facts(struct.pack("iIII", -1, 0x4000, 0, 0))) == [Overflowed()]


def test_what_cannot_be_watched(inotify: Inotify, tmp_path: Path) -> None:
    """A file, or a folder that is gone, is not watched, and no error."""
    (tmp_path / "a").touch()
    assert not inotify.add(str(tmp_path / "a"))
    assert not inotify.add(str(tmp_path / "nowhere"))
