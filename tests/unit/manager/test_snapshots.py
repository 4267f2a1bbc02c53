"""What a Worker of each generation runs."""

from __future__ import annotations

import pytest

from devserver.common.errors import IllegalEvent
from devserver.ipc.messages import Source
from devserver.manager.snapshots import Snapshots


def module(path: str, text: str | None) -> Source:
    return Source(path, str(text).encode(), None if text is None else text.encode())


def texts(snapshots: Snapshots, generation: int) -> dict[str, bytes | None]:
    return {path: source.source for path, source in snapshots[generation].items()}


def test_a_generation_is_its_base_with_the_changes_put_in() -> None:
    """A save replaces the files that were saved, and leaves the last good generation what it was."""
    snapshots = Snapshots()
    snapshots.add(1, 0, [module("a", "1"), module("b", "1")])
    snapshots.add(2, 1, [module("a", "2"), module("c", "2")])
    assert texts(snapshots, 1) == {"a": b"1", "b": b"1"}
    assert texts(snapshots, 2) == {"a": b"2", "b": b"1", "c": b"2"}


def test_generations_share_what_is_the_same() -> None:
    """A hundred saves of one file do not keep a hundred copies of the others."""
    snapshots = Snapshots()
    snapshots.add(1, 0, [module("a", "1"), module("b", "1")])
    snapshots.add(2, 1, [module("a", "2")])
    assert snapshots[2]["b"] is snapshots[1]["b"]


def test_a_removed_file_stays_removed_whatever_a_worker_finds_on_the_disk() -> None:
    """A generation in which a file was deleted does not get it back when it reappears."""
    snapshots = Snapshots()
    snapshots.add(1, 0, [module("a", "1")])
    snapshots.add(2, 1, [module("a", None)])
    snapshots.loaded(1, module("a", "again"))
    assert texts(snapshots, 2) == {"a": None}


def test_a_late_import_belongs_to_its_generation_and_to_later_ones_that_lack_it() -> None:
    """What was imported lazily is there when a Worker has to be started again."""
    snapshots = Snapshots()
    snapshots.add(1, 0, [])
    snapshots.add(2, 1, [])
    snapshots.add(3, 2, [module("lazy", "3")])
    snapshots.loaded(2, module("lazy", "2"))
    assert texts(snapshots, 1) == {}
    assert texts(snapshots, 2) == {"lazy": b"2"}
    assert texts(snapshots, 3) == {"lazy": b"3"}


def test_the_empty_snapshot_stays_empty() -> None:
    """A late import by a Worker of unknown generation never becomes the base of everything."""
    snapshots = Snapshots()
    snapshots.loaded(0, module("lazy", "1"))
    snapshots.add(1, 0, [])
    assert texts(snapshots, 1) == {}


def test_what_is_older_than_the_live_generation_is_forgotten() -> None:
    """Memory does not grow with the number of saves; to build on what is forgotten is an error."""
    snapshots = Snapshots()
    for generation in (1, 2, 3):
        snapshots.add(generation, generation - 1, [])
    snapshots.forget(below=3)
    assert [number in snapshots for number in (0, 1, 2, 3)] == [True, False, False, True]
    with pytest.raises(IllegalEvent, match="forgotten"):
        snapshots.add(4, 2, [])
    assert 4 not in snapshots
