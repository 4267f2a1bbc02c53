"""Folders that go and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from devserver.watch.notice.moved_folders import FolderIdentities

T = TypeVar("T")


def test_a_folder_that_goes_comes_back_or_is_another_is_reported_once_each(tmp_path: Path) -> None:
    """Also if it goes with the one above it, and if its number is the same as before."""
    top = tmp_path / "above/top"
    top.mkdir(parents=True)
    told: list[str] = []

    async def at_once(work: Callable[[], T]) -> T:
        return work()

    places = FolderIdentities(
        lambda: [str(top)], at_once, lambda _top: told.append("gone"), lambda _top: told.append("came")
    )

    def look() -> list[str]:
        told.clear()
        asyncio.run(places.look())
        return told

    assert look() == look() == []
    top.parent.rename(tmp_path / "before")
    assert look() == ["gone"]
    assert look() == []
    top.mkdir(parents=True)
    assert look() == ["came"]
    (tmp_path / "before/top").mkdir(exist_ok=True)
    top.rmdir()
    (tmp_path / "before/top").rename(top)
    assert look() == ["came"]
    told.clear()
    places.left(str(top.parent))
    assert told == ["gone"]
    assert look() == ["came"]


def test_a_folder_that_leaves_while_it_is_looked_at_has_not_come(tmp_path: Path) -> None:
    """What was found may be older than that; the one that takes its place is reported."""
    reported: list[str] = []

    async def late(work: Callable[[], T]) -> T:
        found = work()
        if leaves:
            places.left(str(tmp_path))
        return found

    places = FolderIdentities(
        lambda: [str(tmp_path)],
        late,
        lambda _top: reported.append("gone"),
        lambda _top: reported.append("came"),
    )
    leaves = False
    asyncio.run(places.look())
    leaves = True
    asyncio.run(places.look())
    assert reported == ["gone"]
    leaves = False
    asyncio.run(places.look())
    assert reported == ["gone", "came"]
