"""Compares the code of two versions of a file: which functions may get new code, or why not.

Law: code that has run has effects, so all its instructions must be the same. Code that has not run has only
the effects of its function's outside: name, parameters, kind, closure, docstring. Only the outside must be
the same.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import CodeType
from typing import Any

from devserver.worker.warm import instructions

_HAS_DOCSTRING: int = getattr(inspect, "CO_HAS_DOCSTRING", 0)
"""Before Python 3.14 a docstring is the first constant, if that is a text."""


class Unlike(Exception):
    """The two versions cannot be swapped, for one plain reason, or what returns it when it is reported."""

    def __init__(self, reason: str | Callable[[], str]) -> None:
        super().__init__(reason)
        self._reason = reason

    def __str__(self) -> str:
        return self._reason if isinstance(self._reason, str) else self._reason()


@dataclass(frozen=True, slots=True)
class Pair:
    """Code of the old version, and the code that replaces it."""

    old: CodeType
    new: CodeType
    ran: bool
    """It has run: it differs in its lines only, or in a function in it."""
    body: bool = False
    """It never ran, and differs not in its lines only."""

    def replaced(self) -> Iterator[CodeType]:
        """Yield the old code that nothing may keep: the code, and if it never ran, all code in it."""
        return iter((self.old,)) if self.ran else walk(self.old)


@dataclass(frozen=True, slots=True)
class ClassLines:
    """A class's notes on its source, from Python 3.13 on."""

    qualname: str
    old: dict[str, Any]
    new: dict[str, Any]


@dataclass(slots=True)
class Difference:
    """The differences of two versions that can be swapped."""

    pairs: list[Pair] = field(default_factory=list)
    classes: list[ClassLines] = field(default_factory=list)
    ran_moved: list[CodeType] = field(default_factory=list)
    """Old code that has run, and whose lines have moved."""


def walk(code: CodeType) -> Iterator[CodeType]:
    """Yield the code and all code in it."""
    yield code
    for child in children(code):
        yield from walk(child)


def children(code: CodeType) -> list[CodeType]:
    """Return the code of what is defined directly in `code`, in order."""
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def compare(old: CodeType, new: CodeType, has_run: Callable[[CodeType], bool]) -> Difference:
    """Return the differences of two versions of a module's code. Raises Unlike."""
    found = Difference()
    _compare(old, new, has_run, found)
    return found


def _compare(old: CodeType, new: CodeType, has_run: Callable[[CodeType], bool], found: Difference) -> bool:
    """Return whether `old` must be replaced."""
    if is_module(old) or has_run(old):
        return _compare_ran(old, new, has_run, found)
    _check_outside(old, new)
    if identical(old, new):
        return False
    if old.co_name == "__annotate__" and not identical(old, new, lines=False):
        raise Unlike("an annotation changed")
    found.pairs.append(Pair(old, new, ran=False, body=not identical(old, new, lines=False)))
    return True


def _compare_ran(
    old: CodeType, new: CodeType, has_run: Callable[[CodeType], bool], found: Difference
) -> bool:
    inner, new_inner = children(old), children(new)
    lines: ClassLines | None = None
    if len(inner) != len(new_inner) or surface(old) != surface(new):
        lines = _class_lines(old, new) if len(inner) == len(new_inner) else None
        if lines is None:
            raise Unlike(partial(_what_changed, old, new))
    moved = lines_of(old) != lines_of(new)
    replaced = [_compare(a, b, has_run, found) for a, b in zip(inner, new_inner, strict=True)]
    if lines is not None:
        found.classes.append(lines)
    if moved:
        found.ran_moved.append(old)
    if moved or lines is not None or any(replaced):
        found.pairs.append(Pair(old, new, ran=True))
        return True
    return False


def _class_lines(old: CodeType, new: CodeType) -> ClassLines | None:
    """Return the notes of two class bodies on their source, None if they differ in anything else."""
    if sys.version_info < (3, 13) or not is_class(old) or outside(old) != outside(new):
        return None
    before, after = instructions.of_class(old), instructions.of_class(new)
    if before.steps != after.steps or old.co_exceptiontable != new.co_exceptiontable:
        return None
    return ClassLines(old.co_qualname, before.noted, after.noted)


def _check_outside(old: CodeType, new: CodeType) -> None:
    if outside(old) == outside(new):
        return
    name = called(old)
    if (old.co_name, old.co_qualname) != (new.co_name, new.co_qualname):
        raise Unlike(f"{name} is now {called(new)}")
    if _parameters(old) != _parameters(new):
        raise Unlike(f"the parameters of {name} changed")
    if _docstring(old) != _docstring(new):
        raise Unlike(f"the docstring of {name} changed")
    if old.co_freevars != new.co_freevars:
        raise Unlike(f"{name} now uses other variables of the function around it")
    raise Unlike(f"{name} is now another kind of function")


def _what_changed(old: CodeType, new: CodeType) -> str:
    line = instructions.first_difference(old, new)
    at = f" (line {line})" if line else ""
    if is_module(old):
        return f"its module level changed{at}"
    if is_class(old):
        return f"class {old.co_qualname} changed outside its methods{at}"
    return f"{called(old)} ran at import and changed{at}"


# What is compared


def is_module(code: CodeType) -> bool:
    """Return whether this is the code of a whole module."""
    return code.co_name == "<module>" and not code.co_flags & inspect.CO_OPTIMIZED


def is_class(code: CodeType) -> bool:
    """Return whether this is the body of a class."""
    return not code.co_flags & inspect.CO_OPTIMIZED and not is_module(code)


def called(code: CodeType) -> str:
    """Return the user's name for it."""
    name = code.co_qualname.replace(".<locals>", "")
    return f"class {name}" if is_class(code) else name if name.endswith(">") else f"{name}()"


def _parameters(code: CodeType) -> tuple[object, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    return *counts, code.co_varnames[:count], code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)


def _docstring(code: CodeType) -> str | None:
    if not code.co_consts or not code.co_flags & inspect.CO_OPTIMIZED:
        return None
    first = code.co_consts[0]
    if _HAS_DOCSTRING and not code.co_flags & _HAS_DOCSTRING:
        return None
    return first if isinstance(first, str) else None


def outside(code: CodeType) -> tuple[object, ...]:
    """Return the visible parts of a function (or class body) that never ran, without its lines."""
    names = code.co_name, code.co_qualname, code.co_filename
    return *names, code.co_flags, code.co_freevars, _docstring(code), _parameters(code)


def surface(code: CodeType) -> tuple[object, ...]:
    """Return everything of a code object except its lines and the code in it."""
    return (
        code.co_code,
        code.co_names,
        tuple(instructions.constant(each) for each in code.co_consts),
        code.co_varnames,
        code.co_cellvars,
        code.co_exceptiontable,
        outside(code),
    )


def lines_of(code: CodeType) -> tuple[object, ...]:
    """Return the lines of a code object."""
    return code.co_firstlineno, code.co_linetable


def identical(old: CodeType, new: CodeType, *, lines: bool = True) -> bool:
    """Return whether two code objects, and those in them, are equal; `lines`: in their lines, too."""
    if lines and lines_of(old) != lines_of(new):
        return False
    inner, new_inner = children(old), children(new)
    if len(inner) != len(new_inner):
        return False
    if surface(old) != surface(new) and (lines or _class_lines(old, new) is None):
        return False
    return all(identical(a, b, lines=lines) for a, b in zip(inner, new_inner, strict=True))
