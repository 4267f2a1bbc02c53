"""From the command line's TARGET to a module and its project's root, by looking at files alone.

Law: nothing of the app is imported here; that happens in Workers only.
"""

from __future__ import annotations

import os
import re
import sysconfig
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from devserver.errors import TargetError
from devserver.wire.messages import Target

USUAL_NAMES = ("handlers.py", "app.py", "main.py", "server.py", "asgi.py", "wsgi.py")
USUAL_FOLDERS = (".", "app", "src")
ROOT_MARKERS = ("pyproject.toml", "setup.py", "manage.py", ".git")

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True)
class Located:
    """What was found: what a Worker loads, the file that holds it, and the root of the project."""

    target: Target
    file: Path
    root: Path


def locate(spec: str | None, cwd: Path) -> Located:
    """Find what `spec` names: a file or a module, either with `:attribute`; None: one of the usual files.

    A folder stands for the usual file in it. Paths in the answer are real ones (symbolic links resolved).
    Raises TargetError.
    """
    cwd = cwd.resolve()
    try:
        if spec is None:
            return _from_file(_usual_file(cwd, "no target was given, and"), "", cwd)
        return _from_spec(*_split(spec, cwd), cwd)
    except OSError as error:
        raise TargetError(f"the target {spec!r} cannot be looked at: {error.strerror}") from error


def _from_spec(name: str, attribute: str, cwd: Path) -> Located:
    place = cwd / name
    if place.is_file():
        return _from_file(place.resolve(), attribute, cwd)
    is_path = name.endswith(".py") or os.sep in name or name in (".", "..")
    if not is_path and (located := _from_module(name, attribute, cwd, (cwd, cwd / "src"))):
        return located
    if place.is_dir():
        return _from_file(_usual_file(place.resolve(), f"{name!r} is a folder, and"), attribute, cwd)
    if is_path:
        raise TargetError(f"there is no file {place}: check the path, or name a module, as in shop.main:app")
    if not _DOTTED.fullmatch(name):
        raise TargetError(f"{name!r} is neither a file in {cwd} nor a module's name: check the target")
    if located := _from_module(name, attribute, cwd, (None,)):
        return located
    raise TargetError(
        f"there is no module {name!r} in {cwd}, in {cwd / 'src'} or among the installed ones: "
        "check its name, start from the project's folder, or name a file"
    )


def _split(spec: str, cwd: Path) -> tuple[str, str]:
    """Return name and attribute; a colon may belong to the path of a file that exists."""
    name, colon, attribute = spec.rpartition(":")
    if not colon or (cwd / spec).is_file():
        name, attribute = spec, ""
    elif not _DOTTED.fullmatch(attribute):
        raise TargetError(f"{attribute!r} in the target {spec!r} is no attribute's name: try shop.main:app")
    if not name:
        raise TargetError(f"the target {spec!r} names no file and no module: try app.py or shop.main:app")
    return name, attribute


def _usual_file(folder: Path, why: str) -> Path:
    folders = [folder / sub for sub in USUAL_FOLDERS]
    for place in (candidate / name for candidate in folders for name in USUAL_NAMES):
        if place.is_file():
            return place.resolve()
    names, places = ", ".join(USUAL_NAMES), ", ".join(map(str, folders))
    raise TargetError(f"{why} none of {names} is in {places}: name a file or a module, as in shop.main:app")


def _from_file(file: Path, attribute: str, cwd: Path) -> Located:
    """Name the module of a file: packages are climbed while there is an `__init__.py`."""
    if file.suffix != ".py":
        raise TargetError(f"{file} is no Python file: name a .py file or a module, as in shop.main:app")
    parts = [] if file.stem == "__init__" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    if not parts or "." in file.stem:
        raise TargetError(f"{file} cannot be imported, for its name is no module's: rename it, or its folder")
    target = Target(".".join(parts), _distinct(folder, cwd), attribute, str(file))
    return Located(target, file, _root(file, folder, cwd))


def _from_module(module: str, attribute: str, cwd: Path, folders: tuple[Path | None, ...]) -> Located | None:
    for folder in folders:
        if file := _file_of(module, folder):
            target = Target(module, _distinct(cwd, folder or cwd), attribute)
            return Located(target, file, _root(file, _import_root(module, file), cwd))
    return None


def _file_of(module: str, folder: Path | None) -> Path | None:
    """Return the file of `module` in `folder` (None: on sys.path), without importing it or its parents."""
    first, *rest = module.split(".")
    try:
        spec = PathFinder.find_spec(first, [str(folder)]) if folder else find_spec(first)
    except ValueError:  # a module of this process that says nothing of its origin, such as __main__
        return None
    for name in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        # By its last name alone: for a dotted one a namespace package asks sys.modules for the parent.
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    return Path(spec.origin).resolve()


def _import_root(module: str, file: Path) -> Path:
    """Return the folder that has to be on sys.path for `module` to be `file`."""
    depth = module.count(".") + (file.stem == "__init__")
    return file.parents[min(depth, len(file.parents) - 1)]


def _root(file: Path, import_root: Path, cwd: Path) -> Path:
    """Return the folder to watch: the nearest with a marker, looked for up to `cwd`, else the import root.

    The top of the disk and the home directory are too much to watch, unless `file` lies directly there. An
    installed module comes with the folder it is started from, for there the work is done.
    """
    too_large = {Path(file.anchor), Path(os.path.expanduser("~")).resolve()} - {file.parent}
    if import_root in {Path(path).resolve() for path in sysconfig.get_paths().values()}:
        import_root = cwd if cwd not in too_large else file.parent
    for folder in (import_root, *import_root.parents):
        if folder not in too_large and any((folder / marker).exists() for marker in ROOT_MARKERS):
            return folder
        if cwd.is_relative_to(folder) and file.is_relative_to(cwd):
            break
    downwards = reversed(file.parents[: len(file.parents) - len(import_root.parents)])
    return next((folder for folder in (import_root, *downwards) if folder not in too_large), file.parent)


def _distinct(*folders: Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, folders)))
