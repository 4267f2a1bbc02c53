"""Finds the module and the project's root of the command line's TARGET, by looking at files alone.

Law: nothing here imports the app; only Workers do.
"""

from __future__ import annotations

import os
import re
import sysconfig
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from devserver.cli import manage_py
from devserver.common.errors import TargetError
from devserver.ipc.messages import Target

MANAGE = "manage.py"
USUAL_NAMES = (
    "handlers.py",
    "app.py",
    "main.py",
    "api.py",
    "application.py",
    "server.py",
    "asgi.py",
    "wsgi.py",
)
USUAL_FOLDERS = (".", "app", "src")
ROOT_MARKERS = ("pyproject.toml", "setup.py", MANAGE, ".git")

_PACKAGE = "__init__.py"
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_SERVES = re.compile(
    rb"^(?:(?:app|application|api)\b[^=\n(]*=[^=]|(?:from|import) .*\b(?:app|application|api)\s*$"
    rb"|(?:async )?def (?:app|application|create_app|make_app|on_\w+)\b)",
    re.MULTILINE,
)
"""The start of a line in files that serve something: a hint where several files have usual names."""


class Located(Struct, frozen=True):
    """A target that was found: the module that a Worker loads, its file, and the project's root."""

    target: Target
    file: Path
    root: Path


def locate(spec: str | None, cwd: Path) -> Located:
    """Find what `spec` names: a file or a module, either with `:attribute`; None: one of the usual files.

    A folder stands for the usual file in it, a manage.py for its Django project. Paths in the answer are
    real ones (symbolic links resolved). Raises TargetError.
    """
    cwd = cwd.resolve()
    try:
        if spec is None:
            return _usual(cwd, "no target was given, and", "", cwd)
        return _from_spec(*_split(spec, cwd), cwd)
    except OSError as error:
        raise TargetError(f"the target {spec!r} cannot be read: {error.strerror}: check the path") from error


def _from_spec(name: str, attribute: str, cwd: Path) -> Located:
    place = cwd / name
    if place.is_file():
        file = place.resolve()
        if file.name != MANAGE or attribute:
            return _from_file(file, attribute, cwd)
        if located := _from_manage(file, cwd):
            return located
        raise TargetError(_no_settings(file))
    is_path = name.endswith(".py") or os.sep in name or name in (".", "..")
    if not is_path and (located := _from_module(name, attribute, cwd, (cwd, cwd / "src"))):
        return located
    if place.is_dir():
        return _usual(place.resolve(), f"{name!r} is a folder, and", attribute, cwd)
    if is_path:
        raise TargetError(f"there is no file {place}: check the path, or name a module: shop.main:app")
    if not _DOTTED.fullmatch(name):
        raise TargetError(f"{name!r} is neither a file in {cwd} nor a module name: check the target")
    if located := _from_module(name, attribute, cwd, (None,)):
        return located
    raise TargetError(
        f"there is no module {name!r} in {cwd}, in {cwd / 'src'} or among the installed ones: "
        "check its name, start from the project's folder, or name a file"
    )


def _split(spec: str, cwd: Path) -> tuple[str, str]:
    """Return name and attribute; a colon may belong to the path of a file that exists.

    `create_app()` may be written as for Flask and gunicorn; a Worker detects by itself that it is a factory.
    """
    name, colon, attribute = spec.rpartition(":")
    attribute = attribute.removesuffix("()")
    if not colon or (cwd / spec).is_file():
        name, attribute = spec, ""
    elif not _DOTTED.fullmatch(attribute):
        raise TargetError(f"{attribute!r} in the target {spec!r} is not an attribute name: try shop.main:app")
    if not name:
        raise TargetError(f"the target {spec!r} names no file and no module: try app.py or shop.main:app")
    return name, attribute


def _usual(folder: Path, why: str, attribute: str, cwd: Path) -> Located:
    """Find the Django project or the usual file: the first that seems to be an app, else the first."""
    folders = [folder / sub for sub in USUAL_FOLDERS]
    files: list[Path] = []
    located = None
    for place in folders:
        manage = place / MANAGE
        if not attribute and manage.is_file() and (located := _from_manage(manage.resolve(), cwd)):
            break
        files += [file.resolve() for name in (*USUAL_NAMES, _PACKAGE) if (file := place / name).is_file()]
    if seeming := next((file for file in files if _SERVES.search(file.read_bytes())), None):
        return _from_file(seeming, attribute, cwd)
    if located:
        return located
    if usual := next((file for file in files if file.name != _PACKAGE), None):
        return _from_file(usual, attribute, cwd)
    if (folder / MANAGE).is_file():
        raise TargetError(_no_settings(folder / MANAGE))
    names, places = ", ".join((MANAGE, *USUAL_NAMES)), ", ".join(map(str, folders))
    raise TargetError(f"{why} none of {names} is in {places}: name a file or a module, as in shop.main:app")


def _from_manage(file: Path, cwd: Path) -> Located | None:
    """Locate the Django project of a manage.py; None if it names no settings."""
    folder = file.parent
    settings = manage_py.settings_of(file, lambda module: _file_of(module, folder) is not None)
    if not settings:
        return None
    target = Target(settings, _distinct(folder, cwd), settings=settings)
    return Located(target, file, _root(file, folder, cwd))


def _no_settings(file: Path) -> str:
    return (
        f"{file} names no settings module: set {manage_py.VARIABLE} in it or in the environment, "
        f"or name the app, as in {file.name}:app"
    )


def _from_file(file: Path, attribute: str, cwd: Path) -> Located:
    """Return the target for a file: each folder above with an `__init__.py` is a package."""
    if file.suffix != ".py":
        raise TargetError(f"{file} is not a Python file: name a .py file or a module, such as shop.main:app")
    parts = [] if file.stem == "__init__" else [file.stem]
    folder = file.parent
    while (folder / _PACKAGE).is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    if not parts or "." in file.stem:
        raise TargetError(
            f"{file} cannot be imported: its name is not a module name; rename it or its folder"
        )
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
    except ValueError:  # a module of this process without a spec, such as __main__
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

    The top of the disk and the home directory are too large to watch, unless `file` lies directly there. For
    an installed module it is the folder that devserver is started from, because the user works there.
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
