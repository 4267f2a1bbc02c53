"""How a tree is divided among watchdog's schedules, each of which costs a thread."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from devserver.watch.notice.watchdog_observer import MOST_SCHEDULES, Schedule, plan
from devserver.watch.scope.tree import Folder


def folder(path: str, clean: bool = True) -> Folder:
    return Folder(path, (), clean)


def test_a_clean_tree_takes_one_schedule() -> None:
    """Without an ignored folder, one recursive schedule is enough."""
    assert plan("/app", [folder("/app"), folder("/app/a"), folder("/app/a/b")]) == [Schedule("/app", True)]


def test_ignored_folders_are_not_entered() -> None:
    """Beside a .venv the root is watched alone, and each clean subtree as a whole."""
    tree = [
        folder("/app", False),
        folder("/app/a"),
        folder("/app/b"),
        folder("/app/a/c"),
        folder("/app/b/d", False),
    ]
    assert plan("/app", tree) == [
        Schedule("/app", False),
        Schedule("/app/a", True),
        Schedule("/app/b", False),
        Schedule("/app/b/d", False),
    ]


def test_threads_are_bounded() -> None:
    """A thousand packages do not make a thousand threads."""
    tree = [folder("/app", False), *(folder(f"/app/{n}") for n in range(1000))]
    assert len(plan("/app", tree)) == MOST_SCHEDULES


@given(
    st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), max_size=20),
    st.sets(st.integers(0, 40)),
)
def test_every_folder_once_and_no_dirty_one_by_recursion(paths: list[list[str]], dirty: set[int]) -> None:
    """Unbounded, the plan covers each folder exactly once and never enters an ignored one."""
    names = {"/r"} | {"/r/" + "/".join(parts[:n]) for parts in paths for n in range(1, len(parts) + 1)}
    tree = [
        folder(path, clean=index not in dirty)
        for index, path in enumerate(sorted(names, key=lambda path: (path.count("/"), path)))
    ]
    schedules = plan("/r", tree, most=10_000)
    for one in tree:
        covering = [
            schedule
            for schedule in schedules
            if schedule.path == one.path
            or (schedule.recursive and one.path.startswith(schedule.path + os.sep))
        ]
        assert len(covering) == 1
        assert one.clean or not covering[0].recursive
