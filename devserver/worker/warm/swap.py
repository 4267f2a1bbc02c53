"""Gives the functions of this process new code: decided in the image, applied in a copy of it.

Laws: `apply` does only what the decision has listed. The app cannot make it fail halfway.
"""

from __future__ import annotations

import linecache
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from types import CodeType, FunctionType, ModuleType
from typing import Any

from devserver.worker.warm.additions import Addition, place_names


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a swap would not equal a cold start; `path` is "" if the reason concerns all files."""

    path: str
    reason: str


@dataclass(slots=True)
class Swap:
    """The changes to make in a copy of the process that decided on them."""

    names: list[str] = field(default_factory=list)
    """Functions with another body."""
    paths: list[str] = field(default_factory=list)
    """Files with a difference."""
    codes: list[tuple[FunctionType, CodeType]] = field(default_factory=list)
    overloads: list[FunctionType] = field(default_factory=list)
    """Those of these functions that `typing` keeps, by their line."""
    attributes: list[tuple[type, str, Any]] = field(default_factory=list)
    additions: list[tuple[ModuleType, Addition]] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    """Names that their module binds to another plain value."""
    values: list[tuple[ModuleType, str, Any]] = field(default_factory=list)
    """The same, and those that have imported such a name."""
    files: list[str] = field(default_factory=list)
    """The names of the files as their code has them."""

    @property
    def counts(self) -> tuple[int, int]:
        """Return how many functions get another body, and how many constants another value."""
        return len(self.names), len(self.constants)

    def join(self, part: Swap) -> None:
        """Add the changes of one more file."""
        for each in fields(self):
            getattr(self, each.name).extend(getattr(part, each.name))

    def apply(self) -> None:
        """Make the changes in this process."""
        for function, code in self.codes:
            function.__code__ = code
        for kind, name, value in self.attributes:
            type.__setattr__(kind, name, value)  # without the metaclass's own __setattr__
        for module, name, value in self.values:
            vars(module)[name] = value
        for module, addition in self.additions:
            exec(addition.code, vars(module))
            place_names(vars(module), addition)
        for file in self.files:
            linecache.cache.pop(file, None)
        if self.overloads:
            _renew_overloads({id(function) for function in self.overloads})


def _overloads() -> Iterator[dict[int, Any]]:
    registry: Any = getattr(typing, "_overload_registry", {})
    for names in registry.values():
        yield from names.values()


def _renew_overloads(changed: set[int]) -> None:
    """Renew `typing`'s registry, which has overloads by their line."""
    for overloads in _overloads():
        functions = list(overloads.values())
        plain = [getattr(each, "__func__", each) for each in functions]
        if any(id(each) in changed for each in plain):
            overloads.clear()
            overloads.update(
                (each.__code__.co_firstlineno, whole) for each, whole in zip(plain, functions, strict=True)
            )
