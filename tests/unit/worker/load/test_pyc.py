"""The `.pyc` of a module: used where it saves time, never where it may be stale."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import sys
import time
from pathlib import Path

import pytest

from devserver.worker.load import pyc


@pytest.fixture(autouse=True)
def _may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def module(folder: Path, text: str = "VALUE = 1\n", age: float = 60.0) -> Path:
    """Return a source file that was saved `age` seconds ago."""
    path = folder / "module.py"
    path.write_text(text)
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


def value(path: Path) -> object:
    """Return what the cached code of a module sets, or None if the cache is not used."""
    code = pyc.read(str(path), path.stat())
    names: dict[str, object] = {}
    if code is not None:
        exec(code, names)
    return names.get("VALUE")


def test_what_python_has_compiled_is_used(tmp_path: Path) -> None:
    """A large app starts as fast as elsewhere."""
    path = module(tmp_path)
    py_compile.compile(str(path))
    assert value(path) == 1


def test_what_was_compiled_here_is_used_by_python_and_by_the_next_run(tmp_path: Path) -> None:
    """Each start but the first is spared the compiling."""
    path = module(tmp_path)
    pyc.write(str(path), path.stat(), compile(path.read_text(), str(path), "exec"))
    assert value(path) == 1


def test_a_pyc_that_is_hardly_younger_than_its_source_is_not_believed(tmp_path: Path) -> None:
    """Two saves of one size within a second leave a `.pyc` that Python takes for the second one's."""
    path = module(tmp_path, age=60.0)
    py_compile.compile(str(path))
    cached = importlib.util.cache_from_source(str(path))
    source = path.stat().st_mtime
    os.utime(cached, (source + 0.5, source + 0.5))
    assert value(path) is None


def test_a_source_that_was_just_saved_leaves_no_pyc(tmp_path: Path) -> None:
    """The next save may come within the same second: no import may find the older code."""
    path = module(tmp_path, age=0.0)
    pyc.write(str(path), path.stat(), compile(path.read_text(), str(path), "exec"))
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize("fault", ["edited", "cut", "elsewhere", "other version"])
def test_a_pyc_that_does_not_fit_is_not_believed(tmp_path: Path, fault: str) -> None:
    """Then the source is compiled."""
    path = module(tmp_path)
    py_compile.compile(str(path), dfile="/elsewhere.py" if fault == "elsewhere" else None)
    cached = Path(importlib.util.cache_from_source(str(path)))
    if fault == "edited":
        module(tmp_path, "VALUE = 22\n", age=30.0)
    elif fault == "cut":
        cached.write_bytes(cached.read_bytes()[:20])
    elif fault == "other version":
        cached.write_bytes(b"\0\0\r\n" + cached.read_bytes()[4:])
    assert value(path) is None


def test_nothing_is_written_where_python_may_not_or_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYTHONDONTWRITEBYTECODE counts, and a folder in the way is no error."""
    path = module(tmp_path)
    code = compile(path.read_text(), str(path), "exec")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    pyc.write(str(path), path.stat(), code)
    assert not (tmp_path / "__pycache__").exists()
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "__pycache__").write_text("in the way")
    pyc.write(str(path), path.stat(), code)
    assert value(path) is None
