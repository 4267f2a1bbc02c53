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
def fence(tmp_path: Path) -> Iterator[Inotify]:
    fence = Inotify()
    assert fence.add(str(tmp_path))
    yield fence
    fence.close()


def facts(fence: Inotify) -> list[Fact]:
    return list(fence.facts(fence.read()))


def test_a_plain_save(fence: Inotify, tmp_path: Path) -> None:
    """A file that is written is open, then done; by then the events are there."""
    path = str(tmp_path / "a.py")
    with open(path, "w") as file:
        file.write("x = 1\n")
        file.flush()
        assert set(facts(fence)) == {Touched(path, Kind.OPEN)}
    assert facts(fence) == [Touched(path, Kind.DONE)]
    assert fence.read() == b""


def test_renaming_and_deleting(fence: Inotify, tmp_path: Path) -> None:
    """A file that was moved in is done, one that was moved away or deleted is gone."""
    (tmp_path / "a").write_text("")
    facts(fence)
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "b").unlink()
    assert facts(fence) == [
        Touched(str(tmp_path / "a"), Kind.GONE),
        Touched(str(tmp_path / "b"), Kind.DONE),
        Touched(str(tmp_path / "b"), Kind.GONE),
    ]


def test_reading_is_no_event(fence: Inotify, tmp_path: Path) -> None:
    """Importing the app or changing a mode does not reload it."""
    (tmp_path / "a").write_text("x")
    facts(fence)
    (tmp_path / "a").read_text()
    (tmp_path / "a").chmod(0o600)
    os.listdir(tmp_path)
    assert fence.read() == b""


def test_folders_come_and_leave(fence: Inotify, tmp_path: Path) -> None:
    """A folder that leaves is watched no more, with all below it."""
    (tmp_path / "d/e").mkdir(parents=True)
    d = str(tmp_path / "d")
    assert facts(fence) == [FolderCame(d)]
    assert fence.add(d)
    assert fence.add(d + "/e")
    os.rename(d, d + "2")
    assert facts(fence) == [FolderLeft(d), FolderCame(d + "2")]
    assert d not in fence
    assert d + "/e" not in fence
    assert facts(fence) == []  # what the removed watches said last
    assert fence.add(d + "2")
    assert fence.add(d + "2/e")
    os.rmdir(d + "2/e")
    os.rmdir(d + "2")
    assert facts(fence) == []
    assert d + "2" not in fence
    assert d + "2/e" not in fence


def test_a_watched_folder_itself_goes(fence: Inotify, tmp_path: Path) -> None:
    """The end of a top folder is told, for nobody watches its parent."""
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert facts(fence) == [FolderLeft(str(tmp_path))]
    tmp_path.mkdir()
    assert fence.add(str(tmp_path))
    (tmp_path / "a").touch()
    assert Touched(str(tmp_path / "a"), Kind.DONE) in facts(fence)


def test_two_names_of_one_folder(fence: Inotify, tmp_path: Path) -> None:
    """A folder that is also reached through a link tells under both names."""
    other = str(tmp_path.with_name("link"))
    os.symlink(tmp_path, other)
    assert fence.add(other)
    (tmp_path / "a").touch()
    assert {f"{tmp_path}/a", f"{other}/a"} == {
        fact.path for fact in facts(fence) if isinstance(fact, Touched)
    }
    fence.leave(other)
    (tmp_path / "b").touch()
    assert {f"{tmp_path}/b"} == {fact.path for fact in facts(fence) if isinstance(fact, Touched)}


def test_an_overflow_is_told(fence: Inotify) -> None:
    """Lost events are not lost silently."""
    assert list(fence.facts(struct.pack("iIII", -1, 0x4000, 0, 0))) == [Overflowed()]


def test_what_cannot_be_watched(fence: Inotify, tmp_path: Path) -> None:
    """A file, or a folder that is gone, is not watched, and no error."""
    (tmp_path / "a").touch()
    assert not fence.add(str(tmp_path / "a"))
    assert not fence.add(str(tmp_path / "nowhere"))
