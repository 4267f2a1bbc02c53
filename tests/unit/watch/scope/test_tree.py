"""The walk finds the folders that are watched, each entered before it is listed."""

from __future__ import annotations

import os
from pathlib import Path

from devserver.watch.scope.filters import Filters
from devserver.watch.scope.tree import walk


def test_what_is_walked(tmp_path: Path) -> None:
    """Ignored folders, virtual environments and links are left out; caches of bytecode keep a tree clean."""
    for name in ("a/b/__pycache__", "c/node_modules/x", "env/lib", ".git/objects"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "env/pyvenv.cfg").touch()
    (tmp_path / "a/m.py").touch()
    (tmp_path / "link").symlink_to("a")
    root = str(tmp_path)
    entered: list[str] = []
    folders = list(walk([root], Filters(root), entered.append))
    assert [os.path.relpath(folder.path, root) for folder in folders] == [".", "a", "c", "a/b"]
    assert entered == [folder.path for folder in folders]
    assert {os.path.relpath(folder.path, root): folder.clean for folder in folders} == {
        ".": False,
        "a": True,
        "c": False,
        "a/b": True,
    }
    assert folders[1].files == (f"{root}/a/m.py",)


def test_a_file_that_appears_while_walking_is_found(tmp_path: Path) -> None:
    """A folder is entered before it is listed: nothing falls between watch and list."""

    def enter(folder: str) -> None:
        Path(folder, "late.py").touch()

    (folder,) = walk([str(tmp_path)], Filters(str(tmp_path)), enter)
    assert folder.files == (f"{tmp_path}/late.py",)


def test_a_folder_that_vanishes_is_passed_over(tmp_path: Path) -> None:
    """A tree that changes under the walk does not end it."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    def enter(folder: str) -> None:
        if folder.endswith("/a"):
            os.rmdir(folder)

    assert [os.path.basename(f.path) for f in walk([str(tmp_path)], Filters(str(tmp_path)), enter)][1:] == [
        "b"
    ]
