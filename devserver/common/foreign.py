"""Which files are not the app's: devserver's, the standard library's, and installed packages'. Pure."""

from __future__ import annotations

import os

DEVSERVER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
STANDARD = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), "")
PACKAGE_FOLDERS = ("site-packages", "dist-packages")
_MARKS = tuple(f"{os.sep}{name}{os.sep}" for name in PACKAGE_FOLDERS)


def is_foreign(path: str) -> bool:
    """Return whether a file is devserver's, the standard library's or an installed package's."""
    return path.startswith(("<", DEVSERVER, STANDARD)) or is_installed(path)


def is_installed(path: str) -> bool:
    """Return whether a file is an installed package's."""
    return any(mark in path for mark in _MARKS)


def in_packages(path: str) -> str:
    """Return a file as seen from the folder of installed packages, "" if it is in none."""
    return next((rest for mark in _MARKS if (rest := path.partition(mark)[2])), "")


def package(path: str) -> str:
    """Return the installed package, or the standard library's module, that a file belongs to; else ""."""
    inside = in_packages(path) or (path.removeprefix(STANDARD) if path.startswith(STANDARD) else "")
    return inside.partition(os.sep)[0].removesuffix(".py")
