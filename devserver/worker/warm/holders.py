"""Finds what refers to the app's code in the image: functions, running generators, classes, line numbers.

Laws: every function with code of a known tree is found. Any other holder of such code is noticed. What is
found is plain data, with addresses (`id`) for objects: a fork of the image can look for it.
"""

from __future__ import annotations

import gc
import logging
import sys
import traceback
import typing
import warnings
from collections.abc import Iterable, Iterator
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
)
from typing import Any

from msgspec import Struct

from devserver.worker.load.modules import is_module_object, names_of
from devserver.worker.warm.instructions import NOTED
from devserver.worker.warm.trees import children, walk

_CODE_OF: dict[type, tuple[str, str]] = {
    GeneratorType: ("gi_code", "a generator"),
    CoroutineType: ("cr_code", "a coroutine"),
    AsyncGeneratorType: ("ag_code", "an async generator"),
    FrameType: ("f_code", "a frame"),
}
_FILE_OF: dict[type, str] = {
    logging.LogRecord: "pathname",
    traceback.FrameSummary: "filename",
    warnings.WarningMessage: "filename",
}
"""Types that keep a line number, and the attribute with its file."""


_namespace: Any = type.__dict__["__dict__"].__get__
"""Returns the attributes of a class itself, whatever its metaclass returns for them."""


def _known_holders(roots: list[CodeType], codes: list[CodeType]) -> dict[int, int]:
    """Return, by id, how often the code around it, the caller and we hold a code object."""
    known = dict.fromkeys(map(id, roots), 2)
    for code in codes:
        for each in children(code):
            known[id(each)] = known.get(id(each), 0) + 1
    return known


def _overloaded() -> Iterator[CodeType | None]:
    registry: Any = getattr(typing, "_overload_registry", {})
    for names in registry.values():
        for overloads in names.values():
            for each in overloads.values():
                yield getattr(getattr(each, "__func__", each), "__code__", None)


class Index(Struct):
    """What was found; `id`s of code are keys, and addresses, too, are what the others are."""

    functions: dict[int, list[int]] = {}
    """Functions, by their code."""
    alive: dict[int, str] = {}
    """Code of generators, coroutines and frames: the kind of object."""
    strangers: dict[str, str] = {}
    """Files with a function whose code is in no tree: the function's name."""
    lines: dict[str, str] = {}
    """Files of which an object keeps a line number: its type."""
    classes: dict[str, list[int]] = {}
    """Classes that know their line, by the name of their module."""
    modules: dict[str, list[str]] = {}
    """The names of the modules of each file."""
    overloads: set[int] = set()
    """Code of functions that `typing` keeps as overloads."""
    held_elsewhere: set[int] = set()
    """Code that anything but its functions and the code around it holds."""


class Holders:
    """Looks at all present objects of this process; the caller keeps each tree once."""

    def __init__(self, trees: Iterable[CodeType]) -> None:
        self.index = Index()
        roots = list(trees)
        codes = [code for tree in roots for code in walk(tree)]
        ids, files = {id(code) for code in codes}, {code.co_filename for code in codes}
        self._look(ids, files)
        for name, module in list(sys.modules.items()):
            file = names_of(module).get("__file__") if is_module_object(module) else None
            if isinstance(file, str) and file in files:
                self.index.modules.setdefault(file, []).append(name)
        self.index.overloads = ids & {id(code) for code in _overloaded()}
        self.index.held_elsewhere = self._held_elsewhere(codes, _known_holders(roots, codes))

    def _held_elsewhere(self, codes: list[CodeType], known: dict[int, int]) -> set[int]:
        codes.append(compile("", "", "exec"))  # nothing else holds this: its count is the baseline
        counts = [(id(code), sys.getrefcount(code)) for code in codes]
        besides = counts.pop()[1]
        return {
            key
            for key, count in counts
            if count - besides > known.get(key, 0) + len(self.index.functions.get(key, ()))
        }

    def _look(self, ids: set[int], files: set[str]) -> None:
        gc.unfreeze()  # gc.get_objects() does not return frozen objects
        knows_line = sys.version_info >= (3, 13)
        for each in gc.get_objects():
            kind = type(each)
            if kind is FunctionType:
                self._add_function(each, ids, files)
            elif kind in _CODE_OF:
                attribute, what = _CODE_OF[kind]
                self.index.alive[id(getattr(each, attribute))] = what
            elif kind in _FILE_OF:
                if isinstance(file := getattr(each, _FILE_OF[kind], ""), str):
                    self.index.lines.setdefault(file, kind.__name__)
            elif knows_line and issubclass(kind, type) and NOTED[0] in _namespace(each):
                self._add_class(each)

    def _add_function(self, function: FunctionType, ids: set[int], files: set[str]) -> None:
        code = function.__code__
        if id(code) in ids:
            self.index.functions.setdefault(id(code), []).append(id(function))
        elif code.co_filename in files:
            self.index.strangers.setdefault(code.co_filename, function.__qualname__)

    def _add_class(self, kind: type) -> None:
        module = _namespace(kind).get("__module__")
        if isinstance(module, str):
            self.index.classes.setdefault(module, []).append(id(kind))
