"""The order of finding is Python's, with the snapshot's files among those on the disk."""

from __future__ import annotations

import importlib
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.machinery import FileFinder, PathFinder, SourceFileLoader
from pathlib import Path

import pytest

from devserver.ipc.messages import Source
from devserver.ipc.source_digest import digest
from devserver.worker.load.own import Own, foreign_folders
from devserver.worker.load.snapshot import Snapshot
from devserver.worker.load.snapshot_importer import install


class Worker:
    """One Worker's snapshot; what it has reported and used."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.loaded: list[Source] = []
        self.used: list[str] = []
        self.undo: Callable[[], None] = lambda: None

    def begin(self, **files: str | None) -> None:
        """Put a snapshot into effect: names with `__` for a folder's end, None for what is absent."""
        sources = {}
        for name, text in files.items():
            path = f"{self.root}/{name.replace('__', '/').replace('/init', '/__init__')}.py"
            data = None if text is None else text.encode()
            sources[path] = Source(path, b"" if data is None else digest(data), data)
        self.undo = install(Snapshot(sources, self.loaded.append, self.used.append))

    def write(self, name: str, text: str = "VALUE = 'disk'\n") -> Path:
        """Write a file of the disk's."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """Return a Worker whose folder is first on the path."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    before = set(sys.modules)
    made = Worker(tmp_path)
    yield made
    made.undo()
    for name in set(sys.modules) - before:
        del sys.modules[name]
    importlib.invalidate_caches()


def value(name: str) -> object:
    """Import a module; return its VALUE."""
    return importlib.import_module(name).VALUE


def test_nothing_of_ours_can_be_seen(worker: Worker) -> None:
    """Hooks, finders and loaders are those of a cold start."""
    before = sys.meta_path[:], sys.path_hooks[:]
    worker.begin(own_seen="VALUE = 1\n")
    module = importlib.import_module("own_seen")
    assert (sys.meta_path, sys.path_hooks) == before
    assert type(module.__loader__) is SourceFileLoader


def test_undoing_leaves_the_import_system_as_it_was(worker: Worker) -> None:
    """The patches are a Worker's alone."""
    before = FileFinder.find_spec, SourceFileLoader.get_code, SourceFileLoader.get_data
    worker.begin()
    worker.undo()
    assert (FileFinder.find_spec, SourceFileLoader.get_code, SourceFileLoader.get_data) == before
    assert "get_data" not in vars(SourceFileLoader)
    worker.undo = lambda: None


def test_a_package_that_the_disk_has_got_since_does_not_hide_the_module(worker: Worker) -> None:
    """Unless the snapshot has it: then it comes first, as ever."""
    worker.write("own_one/__init__.py")
    worker.write("own_two/__init__.py")
    worker.begin(
        own_one="VALUE = 'module'\n", own_two="VALUE = 'module'\n", own_two__init="VALUE = 'package'\n"
    )
    assert value("own_one") == "module"
    assert value("own_two") == "package"


def test_a_package_without_its_first_file_is_a_namespace(worker: Worker) -> None:
    """The disk has it again; this generation was made without it."""
    worker.write("own_space/__init__.py")
    worker.begin(own_space__init=None, own_space__part="VALUE = 'part'\n")
    assert value("own_space.part") == "part"
    assert sys.modules["own_space"].__file__ is None


def test_a_namespace_is_joined_over_what_the_disk_and_the_snapshot_have(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also over a folder that is put on the path after it was imported."""
    worker.write("late/own_joined/b.py")
    worker.write("own_joined/c.py")
    worker.begin(own_joined__a="VALUE = 'snapshot'\n")
    assert value("own_joined.a") == "snapshot"
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "late")])
    assert [value("own_joined.b"), value("own_joined.c")] == ["disk", "disk"]


def test_a_finder_that_another_package_has_put_first_gets_the_snapshot(worker: Worker) -> None:
    """Whatever it asks the path finder for, and whatever loader it makes of it."""

    class Loader(SourceFileLoader):
        """Compiles in its own way."""

        def source_to_code(self, data, path, *, _optimize=-1):  # type: ignore[no-untyped-def, override]
            return compile(bytes(data) + b"HOOKED = True\n", path, "exec")

    class Finder:
        """As typeguard's."""

        @staticmethod
        def find_spec(name, path=None, target=None):  # type: ignore[no-untyped-def]
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and isinstance(spec.loader, SourceFileLoader):
                spec.loader = Loader(spec.loader.name, spec.loader.path)
            return spec

    worker.write("own_hooked.py")
    worker.begin(own_hooked="VALUE = 'snapshot'\n")
    sys.meta_path.insert(0, Finder())
    module = importlib.import_module("own_hooked")
    assert (module.VALUE, module.HOOKED, type(module.__loader__)) == ("snapshot", True, Loader)
    assert str(worker.root / "own_hooked.py") in worker.used


def test_an_archive_is_reported_by_its_digest(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are not kept; a new one is distinguished."""
    archive = worker.root / "lib.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("own_zipped.py", "VALUE = 'zip'\n")
    monkeypatch.setattr(sys, "path", [str(archive), *sys.path])
    worker.begin(own_zipped="VALUE = 'snapshot'\n")
    assert value("own_zipped") == "zip"
    assert worker.loaded == [Source(str(archive), digest(archive.read_bytes()), None)]


def test_where_imports_have_looked_is_reported(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file made there next may be what the next start finds: folders, and what was looked for in vain."""
    for folder in ("there", "missing"):
        monkeypatch.setattr(sys, "path", [str(worker.root / folder), *sys.path])
    (worker.root / "there").mkdir()
    worker.begin()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("own_nowhere")
    told = {
        Path(each).relative_to(worker.root).as_posix() for each in worker.used if str(worker.root) in each
    }
    assert told == {".", "there", "missing", "own_nowhere", "there/own_nowhere", "missing/own_nowhere"}


def test_what_is_own_behind_links(tmp_path: Path) -> None:
    """Where a link leads counts, and so does where it lies."""
    own = Own()
    inside = Path(foreign_folders()[0])
    (tmp_path / "to_installed").symlink_to(inside)
    (tmp_path / "real").mkdir()
    (tmp_path / "to_own").symlink_to(tmp_path / "real")
    assert own(f"{tmp_path}/to_own/x.py")
    assert not own(f"{tmp_path}/to_installed/x.py")
    assert own.place(f"{tmp_path}/to_own/x.py") == f"{tmp_path.resolve()}/real/x.py"
    assert own.real(f"{tmp_path}/to_own/../x.py") == str((tmp_path / "x.py").resolve())
