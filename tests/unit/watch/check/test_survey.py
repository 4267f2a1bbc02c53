"""What lies beside the files that run is read with them: an import may ask for it at any time."""

from __future__ import annotations

from pathlib import Path

from devserver.watch.check.survey import beside, packages_before
from devserver.watch.scope.filters import Filters, Interest


def project(tmp_path: Path, *files: str) -> Filters:
    """Write empty files; return filters that attend main.py."""
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    filters = Filters(str(tmp_path))
    filters.attend(str(tmp_path / "main.py"))
    return filters


def names(tmp_path: Path, filters: Filters) -> list[str]:
    """Return what the survey reads, by name."""
    found = beside(filters, sorted(filters.folders))
    return [str(Path(content.path).relative_to(tmp_path)) for content in found]


def test_the_packages_beside_a_module_are_surveyed_with_it(tmp_path: Path) -> None:
    """Python would find them before a module of their name, and never looks deeper by itself."""
    filters = project(tmp_path, "main.py", "shop.py", "shop/__init__.py", "shop/price.py", "docs/conf.py")
    assert names(tmp_path, filters) == ["main.py", "shop.py", "shop/__init__.py"]
    filters.snapshot = frozenset([str(tmp_path / "main.py")])
    assert names(tmp_path, filters) == ["shop.py", "shop/__init__.py"]


def test_what_hides_a_module_is_read_with_an_edit_of_it(tmp_path: Path) -> None:
    """A save of shop.py says nothing of the package that hides it."""
    filters = project(tmp_path, "main.py", "shop.py", "shop/__init__.py")
    package = str(tmp_path / "shop/__init__.py")
    assert packages_before([str(tmp_path / "shop.py")], filters) == [package]
    assert packages_before([str(tmp_path / "shop.py"), package], filters) == []
    assert packages_before([str(tmp_path / "main.py")], filters) == []


def test_a_link_is_known_by_where_it_leads(tmp_path: Path) -> None:
    """A linked package is read where it lies, the link as where it leads; a linked module once it is used."""
    filters = project(tmp_path, "main.py", "real/deep/__init__.py", "real/deep/inner.py")
    (tmp_path / "deep").symlink_to(tmp_path / "real/deep")
    (tmp_path / "linked.py").symlink_to(tmp_path / "real/deep/inner.py")
    assert names(tmp_path, filters) == ["main.py", "real/deep/__init__.py", "deep"]


def test_what_an_import_could_find_makes_an_edit(tmp_path: Path) -> None:
    """Compiled modules and packages in a folder that is looked into count like sources."""
    filters = project(tmp_path, "main.py")
    filters.attend_folder("/elsewhere/plugins")
    wanted = {
        "fast.so": Interest.DATA,
        "fast.pyc": Interest.DATA,
        "shop/__init__.py": Interest.CODE,
        "shop/price.py": Interest.NONE,
        "__pycache__/fast.cpython-311.pyc": Interest.NONE,
    }
    for folder in (str(tmp_path), "/elsewhere/plugins"):
        assert {name: filters.interest(f"{folder}/{name}") for name in wanted} == wanted


def test_an_own_file_that_is_not_python_is_not_compiled(tmp_path: Path) -> None:
    """A compiled module or an archive that was imported is distinguished by its bytes."""
    filters = project(tmp_path, "main.py")
    filters.attend(str(tmp_path / "lib.zip"))
    assert filters.interest(str(tmp_path / "lib.zip")) is Interest.DATA
