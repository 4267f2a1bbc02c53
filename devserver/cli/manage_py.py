"""Finds the settings module that a Django project's manage.py names, in its text.

Law: the file is read, never run; the environment variable overrides it, as in Django.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

VARIABLE = "DJANGO_SETTINGS_MODULE"

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_ASSIGNED = re.compile(rf"{VARIABLE}['\"]\]?\s*[=,:]\s*[rbuRBU]*['\"]([\w.]+)['\"]")
_LAST_CHOICE = ("test", "prod")


def settings_of(file: Path, exists: Callable[[str], bool]) -> str:
    """Return the settings module for the manage.py `file`; empty if it names none or is not Django's.

    `exists` returns whether a module exists: of several names in an expression, the first that exists counts.
    Of several in branches, those of tests and of production come last. Raises OSError.
    """
    data = file.read_bytes()
    if named := os.environ.get(VARIABLE):
        return named if b"django" in data.lower() else ""
    try:
        found = list(dict.fromkeys(_named_in(ast.parse(data), exists)))
    except (
        SyntaxError,
        ValueError,
        RecursionError,
        MemoryError,
    ):  # the Worker reports it; the target is clear
        found = _ASSIGNED.findall(data.decode("utf-8", "replace"))
    return min(found, key=lambda name: any(word in name for word in _LAST_CHOICE), default="")


def _named_in(tree: ast.AST, exists: Callable[[str], bool]) -> Iterator[str]:
    for value in _values_in(tree):
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
            continue
        texts = [each.value for each in ast.walk(value) if isinstance(each, ast.Constant)]
        names = [text for text in texts if isinstance(text, str) and _MODULE.fullmatch(text)]
        yield from [name for name in names if exists(name)][:1]


def _values_in(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the variable's values: from setdefault() or another call, an assignment, a dict."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(args=[ast.Constant(value=name), value, *_]) if name == VARIABLE:
                yield value
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=name))], value=value) if (
                name == VARIABLE
            ):
                yield value
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == VARIABLE:
                        yield value
