"""Decides which folders are watched, and which files in them cause an edit.

Most decisions are look-ups in sets; patterns are matched for the few remaining names, and cached.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES

import pathspec

from devserver.common.errors import UsageError
from devserver.common.file_reader import read_regular

IGNORED = frozenset(
    (
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".hypothesis",
        ".idea",
        ".vscode",
    )
)
TEMPLATE_SUFFIXES = (".html", ".htm", ".jinja", ".jinja2", ".j2", ".mako")
ASSET_SUFFIXES = (
    *(".css", ".js", ".mjs", ".wasm", ".webmanifest"),
    *(".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico", ".bmp"),
    *(".woff", ".woff2", ".ttf", ".otf"),
)
"""Suffixes of files that browsers load, in any folder."""
STATIC_FOLDERS = frozenset({"static", "assets", "public"})
"""Names of folders whose pages (.html) are served unchanged: they are not templates."""
SETTINGS = (".env", "pyproject.toml")
JUNK_SUFFIXES = ("~", ".swp", ".swo", ".swx", ".tmp", "___jb_tmp___", "___jb_old___")
VENV_MARK = "pyvenv.cfg"
PACKAGE = "__init__.py"
COMPILED = (*EXTENSION_SUFFIXES, *BYTECODE_SUFFIXES)
"""Suffixes of modules that an import finds beside sources, or instead of them."""
MOST_PATTERNS = 1024 * 1024
"""Bytes of a .gitignore that are read."""
_REMEMBERED = 10_000


class Interest(Enum):
    """Why a file matters: CODE is compiled, DATA is compared by digest."""

    NONE = 0
    CODE = 1
    DATA = 2


class Filters:
    """The rules of one run. `everything`: every Python file under the root matters.

    Attended files matter wherever they are, unless `exclude` names them. So do the files that an import would
    find beside them: Python files, packages, compiled modules.
    Raises UsageError for an invalid pattern.
    """

    def __init__(
        self,
        root: str,
        also: Iterable[str] = (),
        exclude: Iterable[str] = (),
        gitignore: Iterable[str] = (),
        assets: Iterable[str] = (),
        further: Iterable[str] = (),
    ) -> None:
        self.root = root.rstrip(os.sep) or os.sep
        self.roots: tuple[str, ...] = (self.root,)
        """The root, and the further folders that are watched in the same way."""
        self.everything = False
        self.attended: set[str] = set()
        self.as_data: set[str] = set()
        """Attended files that the app reads and does not run."""
        self.links: set[str] = set()
        """Links to folders: a change of one changes what is found behind it."""
        self.snapshot: frozenset[str] = frozenset()
        """Files of the snapshot that may still be imported: their changes count, their neighbours' do not."""
        self.folders: set[str] = set()
        """Folders of attended files, and folders that imports look into."""
        self._settings = {os.path.join(self.root, name) for name in SETTINGS}
        self._also = _Patterns(_valid(also, "--also", self.root), self._below)
        self._assets = _Patterns(_valid(assets, "--assets", self.root), self._below)
        self._exclude = _Patterns(_valid(exclude, "--exclude", self.root), self._below)
        self._gitignore = _Patterns(gitignore, self._below_root)
        self._venvs: set[str] = set()
        self._reached: dict[str, bool] = {}
        self._insides = self._prefixes()
        self.roots += tuple(folder for folder in further if not self._is_reached(folder))
        self._insides = self._prefixes()

    def _prefixes(self) -> tuple[str, ...]:
        return tuple(sorted((root.rstrip(os.sep) + os.sep for root in self.roots), key=len, reverse=True))

    def _below(self, path: str) -> str:
        """Return a path relative to the nearest root above it, empty if there is none."""
        return next((path[len(inside) :] for inside in self._insides if path.startswith(inside)), "")

    def _below_root(self, path: str) -> str:
        inside = self.root.rstrip(os.sep) + os.sep
        return path[len(inside) :] if path.startswith(inside) else ""

    def attend(self, path: str) -> bool:
        """Let a file matter from now on; return False if it is excluded."""
        if self._exclude.match(path):
            return False
        self.attended.add(path)
        self.folders.add(os.path.dirname(path))
        return True

    def attend_folder(self, folder: str) -> bool:
        """Let what an import finds in a folder matter from now on; return False if it is excluded."""
        if self._exclude.match(folder + os.sep):
            return False
        self.folders.add(folder)
        return True

    def interest(self, path: str) -> Interest:
        """Return whether, and why, an event of `path` causes an edit."""
        if path in self.attended:
            return Interest.CODE if path.endswith(".py") and path not in self.as_data else Interest.DATA
        folder, _, name = path.rpartition(os.sep)
        if name.endswith(JUNK_SUFFIXES) or name == "4913":  # vim's test of whether it may write
            return Interest.NONE
        found = self._of_kind(path, folder, name)
        if found is not Interest.NONE:
            watched = self.is_watched(folder) or self._is_found_in(folder, name)
            return found if watched and not self._exclude.match(path) else Interest.NONE
        return found

    def _of_kind(self, path: str, folder: str, name: str) -> Interest:
        inside = path.startswith(self._insides)
        if path in self.links:
            return Interest.DATA
        if path in self._settings or (inside and self._also.match(path)):
            return Interest.DATA
        if name.startswith((".", "#")):
            return Interest.NONE
        templates = inside and "/templates/" in f"/{self._below(path)}"
        anything = self.everything and inside and not templates
        if name.endswith(".py") and (path in self.snapshot or anything or self._is_found_in(folder, name)):
            return Interest.CODE
        if name.endswith(COMPILED) and (anything or folder in self.folders):
            return Interest.DATA
        if self._assets.match(path):
            return Interest.NONE
        template = name.endswith(TEMPLATE_SUFFIXES) and not self._is_static_page(path)
        return Interest.DATA if templates or template else Interest.NONE

    def is_asset(self, path: str) -> bool:
        """Return whether a file that causes no edit is an asset, which browsers load."""
        folder, _, name = path.rpartition(os.sep)
        named = name.endswith(ASSET_SUFFIXES) or self._is_static_page(path) or self._assets.match(path)
        if not named or name.startswith((".", "#")) or name.endswith(JUNK_SUFFIXES):
            return False
        return self.is_watched(folder) and not self._exclude.match(path)

    def _is_static_page(self, path: str) -> bool:
        if not path.endswith((".html", ".htm")):
            return False
        return not STATIC_FOLDERS.isdisjoint(self._below(path).split(os.sep)[:-1])

    def _is_found_in(self, folder: str, name: str) -> bool:
        """Return whether an import that looks into an attended folder finds this file, or its package."""
        return folder in self.folders or (name == PACKAGE and os.path.dirname(folder) in self.folders)

    def is_watched(self, folder: str) -> bool:
        """Return whether files of a folder can matter: it is attended, or under the root and not ignored."""
        return folder in self.folders or self.is_reached(folder)

    def is_reached(self, folder: str) -> bool:
        """Return whether the walk from the root comes to `folder`; attended folders do not count."""
        known = self._reached.get(folder)
        if known is None:
            if len(self._reached) > _REMEMBERED:
                self._reached.clear()
            known = self._reached[folder] = self._is_reached(folder)
        return known

    def _is_reached(self, folder: str) -> bool:
        while folder not in self.roots:
            if not folder.startswith(self._insides) or self.is_ignored(folder):
                return False
            folder = os.path.dirname(folder)
        return True

    def is_ignored(self, folder: str) -> bool:
        """Return whether a folder under the root is left out, by its own name or by a pattern."""
        if os.path.basename(folder) in IGNORED or folder in self._venvs:
            return True
        return self._exclude.match(folder + os.sep) or self._gitignore.match(folder + os.sep)

    def mark_venv(self, folder: str, found: bool) -> None:
        """Remember whether a folder holds a virtual environment: its files are not the app's own."""
        if folder not in self.roots and found != (folder in self._venvs):
            (self._venvs.add if found else self._venvs.discard)(folder)
            self._reached.clear()


class _Patterns:
    """Patterns as in .gitignore, for absolute paths; `below` makes one relative to its root."""

    def __init__(self, lines: Iterable[str], below: Callable[[str], str]) -> None:
        lines = list(lines)
        self._spec = pathspec.GitIgnoreSpec.from_lines(lines) if lines else None
        self._below = below
        self._known: dict[str, bool] = {}

    def match(self, path: str) -> bool:
        """Match a path; that of a folder ends in a separator."""
        if self._spec is None or not (name := self._below(path)):
            return False
        known = self._known.get(path)
        if known is None:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            known = self._known[path] = self._spec.match_file(name)
        return known


def gitignore_of(root: str) -> list[str]:
    """Return the patterns of the root's .gitignore; none if there is no such file."""
    data = read_regular(os.path.join(root, ".gitignore"), MOST_PATTERNS) or b""
    lines = data.decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#") and _is_valid(line)]


def _valid(lines: Iterable[str], option: str, root: str) -> Iterator[str]:
    for line in lines:
        if ".." in line.split("/"):
            raise UsageError(f"{option} {line!r} can match nothing: only files under {root} are watched.")
        if not _is_valid(line):
            raise UsageError(f"{option} {line!r} is not a valid pattern: write it as in .gitignore.")
        yield line


def _is_valid(line: str) -> bool:
    try:
        pathspec.GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True
