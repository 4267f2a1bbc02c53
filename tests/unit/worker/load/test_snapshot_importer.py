"""Own modules come from the snapshot; everything else is imported as ever."""

from __future__ import annotations

import importlib
import importlib.resources
import inspect
import json
import linecache
import marshal
import os
import pkgutil
import py_compile
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

import devserver
from devserver.ipc.messages import Source
from devserver.ipc.source_digest import digest
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.load.snapshot_importer import install
from devserver.worker.run.failures import files_named_by

Use = Callable[..., Snapshot]


def source(path: Path, text: str | bytes | None) -> Source:
    """Return a module of a snapshot; None: absent in it."""
    data = text.encode() if isinstance(text, str) else text
    return Source(str(path), b"" if data is None else digest(data), data)


@pytest.fixture
def reported() -> list[Source]:
    """What was read from the disk, in order."""
    return []


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reported: list[Source]) -> Iterator[Use]:
    """Return a function that puts a snapshot into effect; `tmp_path` is first on the path meanwhile."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    before, lines = set(sys.modules), dict(linecache.cache)
    undo: list[Callable[[], None]] = []

    def begin(*sources: Source) -> Snapshot:
        snapshot = Snapshot({each.path: each for each in sources}, reported.append)
        undo.append(install(snapshot))
        return snapshot

    yield begin
    for each in reversed(undo):
        each()
    for name in set(sys.modules) - before:
        del sys.modules[name]
    linecache.cache.clear()
    linecache.cache.update(lines)
    importlib.invalidate_caches()


def test_what_is_own(use: Use, tmp_path: Path) -> None:
    """The standard library, installed distributions and this package are not the app's own."""
    snapshot = use()
    assert snapshot.owns(str(tmp_path / "x.py"))
    for module in (json, msgspec, devserver, pytest):
        assert not snapshot.owns(str(module.__file__))
    assert not snapshot.owns(f"{tmp_path}/env/lib/site-packages/x.py")


def test_a_module_is_read_once_and_reported(use: Use, tmp_path: Path, reported: list[Source]) -> None:
    """The first import reads the disk and tells it before the module runs; a reload reads nothing."""
    file = tmp_path / "own_mod.py"
    file.write_text("import own_seen\nown_seen.note()\nX = 1\n")
    (tmp_path / "own_seen.py").write_text("def note(): pass\n")
    snapshot = use()
    module = importlib.import_module("own_mod")
    assert [Path(each.path).name for each in reported] == ["own_mod.py", "own_seen.py"]
    assert reported[0].code is not None
    assert marshal.loads(reported[0].code).co_filename == str(file)
    file.write_text("X = 2\n")
    assert importlib.reload(module).X == 1
    assert len(reported) == 2
    folder = f"{tmp_path}/"  # was looked into: a new file in it may come first
    assert list(snapshot.used) == [folder, str(file), str(tmp_path / "own_seen.py")]
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_stale_pyc_is_never_read(use: Use, tmp_path: Path) -> None:
    """Two saves of one size in one second are two: no .pyc can stand in for the source."""
    file = tmp_path / "own_stale.py"
    file.write_text("X = 1\n")
    py_compile.compile(str(file), doraise=True)
    stat = file.stat()
    file.write_text("X = 2\n")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    use()
    assert importlib.import_module("own_stale").X == 2


def test_what_the_disk_has_lost_is_found(use: Use, tmp_path: Path, reported: list[Source]) -> None:
    """Modules, packages and namespace packages of the snapshot are there though their folders are gone."""
    use(
        source(tmp_path / "own_one.py", "X = 1\n"),
        source(tmp_path / "own_pkg/__init__.py", "from .sub import Y\n"),
        source(tmp_path / "own_pkg/sub.py", "Y = 2\n"),
        source(tmp_path / "own_space/inner/deep.py", "from own_pkg import sub\nZ = sub.Y + 1\n"),
    )
    assert importlib.import_module("own_one").X == 1
    assert importlib.import_module("own_pkg").Y == 2
    assert importlib.import_module("own_space.inner.deep").Z == 3
    assert reported == []
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("own_pkg.other")


def test_a_module_that_became_a_package_is_still_the_module(use: Use, tmp_path: Path) -> None:
    """What the disk has put in a module's place belongs to a later generation."""
    (tmp_path / "own_moved").mkdir()
    (tmp_path / "own_moved/__init__.py").write_text("X = 'new'\n")
    use(source(tmp_path / "own_moved.py", "X = 'old'\n"))
    assert importlib.import_module("own_moved").X == "old"


def test_what_is_absent_in_the_generation_is_not_there(use: Use, tmp_path: Path) -> None:
    """A file that this generation was made without is not found, though the disk has it again."""
    (tmp_path / "own_gone.py").write_text("X = 1\n")
    use(source(tmp_path / "own_gone.py", None))
    with pytest.raises(ModuleNotFoundError, match="own_gone"):
        importlib.import_module("own_gone")


def test_the_order_of_the_path_counts(use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An own module late on the path hides neither a built-in nor an installed one."""
    late = tmp_path / "late"
    monkeypatch.setattr(sys, "path", [*sys.path[1:], str(late)])
    use(source(late / "colorsys.py", "X = 1\n"), source(late / "gc.py", "X = 1\n"))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    monkeypatch.delitem(sys.modules, "gc")
    assert not hasattr(importlib.import_module("colorsys"), "X")
    assert not hasattr(importlib.import_module("gc"), "X")


def test_source_and_tracebacks_show_what_ran(use: Use, tmp_path: Path) -> None:
    """inspect and tracebacks have the text that runs, also after the file has changed."""
    file = tmp_path / "own_trace.py"
    file.write_text("def fail():\n    raise ValueError('first')\n")
    use()
    module = importlib.import_module("own_trace")
    file.write_text("# longer\n" * 20)
    assert inspect.getsource(module.fail) == "def fail():\n    raise ValueError('first')\n"
    assert inspect.getsource(module).startswith("def fail")
    with pytest.raises(ValueError, match="first") as raised:
        module.fail()
    assert "raise ValueError('first')" in "".join(traceback.format_exception(raised.value))


def test_source_in_another_encoding(use: Use, tmp_path: Path) -> None:
    """The encoding that a file declares counts."""
    use(source(tmp_path / "own_latin.py", "# coding: latin-1\nX = 'é'\n".encode("latin-1")))
    assert importlib.import_module("own_latin").X == "é"


def test_the_code_given_is_the_code_that_runs(use: Use, tmp_path: Path) -> None:
    """Code that was compiled in the check is not compiled again, unless it was for another path."""
    file, link = tmp_path / "own_code.py", tmp_path / "own_link.py"
    file.write_text("X = 'disk'\n")
    link.symlink_to(file)
    code = marshal.dumps(compile("X = 'code'\n", str(file), "exec"))
    use(Source(str(file), b"", b"X = 'source'\n", code))
    assert importlib.import_module("own_code").X == "code"
    linked = importlib.import_module("own_link")
    assert (linked.X, linked.__file__) == ("source", str(link))


def test_a_broken_module_is_reported_too(use: Use, tmp_path: Path, reported: list[Source]) -> None:
    """A file that does not compile is known to the Master, so that its fix is noticed; hostile ones too."""
    (tmp_path / "own_bad.py").write_text("def x(:\n")
    (tmp_path / "own_null.py").write_bytes(b"x = 1\0\n")
    use()
    for name in ("own_bad", "own_null"):
        with pytest.raises((SyntaxError, ValueError)):
            importlib.import_module(name)
    assert [(Path(each.path).name, each.code) for each in reported] == [
        ("own_bad.py", None),
        ("own_null.py", None),
    ]


def test_runpy_and_resources_work(use: Use, tmp_path: Path) -> None:
    """What else asks the import system gets its answer: runpy, package data, resources."""
    package = tmp_path / "own_data"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text("RAN = __name__\n")
    (package / "text.txt").write_text("data")
    use()
    assert runpy.run_module("own_data")["RAN"] == "own_data.__main__"
    assert pkgutil.get_data("own_data", "text.txt") == b"data"
    assert importlib.resources.files("own_data").joinpath("text.txt").read_text() == "data"


def test_the_files_that_an_error_names(use: Use, tmp_path: Path) -> None:
    """A module that is missing or broken is named, so that a save of it is worth a try."""
    (tmp_path / "own_parent").mkdir()
    (tmp_path / "own_parent/__init__.py").write_text("")
    (tmp_path / "own_wraps.py").write_text(
        "try:\n    import own_parent.gone\nexcept ImportError as e:\n    raise RuntimeError from e\n"
    )
    (tmp_path / "own_broken.py").write_text("(\n")
    use()
    root = str(tmp_path)
    expected = {
        "own_wraps": (f"{root}/own_parent/gone.py", f"{root}/own_parent/gone/__init__.py"),
        "own_broken": (f"{root}/own_broken.py",),
        "own_none.sub": (f"{root}/own_none.py", f"{root}/own_none/__init__.py"),
    }
    for name, files in expected.items():
        with pytest.raises((RuntimeError, SyntaxError, ImportError)) as raised:
            importlib.import_module(name)
        assert files_named_by(raised.value, [root]) == files


def test_what_the_snapshot_had_is_reported_once_when_it_is_used(
    use: Use, tmp_path: Path, reported: list[Source]
) -> None:
    """A module that is read from the disk is reported instead; one without an importer is neither."""
    used: list[str] = []
    (tmp_path / "own_read.py").write_text("")
    known = [source(tmp_path / f"own_{name}.py", "") for name in ("known", "idle")]
    undo = install(Snapshot({each.path: each for each in known}, reported.append, used.append))
    importlib.reload(importlib.import_module("own_known"))
    importlib.import_module("own_read")
    undo()
    assert used == [f"{tmp_path}/", str(tmp_path / "own_known.py")]
    assert [each.path for each in reported] == [str(tmp_path / "own_read.py")]
