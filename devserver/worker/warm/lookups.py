"""Reads the names that code looks up when it runs, and where.

Law: every way in which bytecode names a look-up counts; constants count as names, too.
"""

from __future__ import annotations

import dis
import re
import sys
from collections.abc import Iterator
from types import CodeType

_WORD = re.compile(r"[A-Za-z_]\w*")
_ENUMERATING = frozenset(("globals", "locals", "vars", "dir", "__dict__", "getmembers"))
_MODULE = frozenset(("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS", "DELETE_NAME", "DELETE_GLOBAL"))
_NEW = sys.version_info >= (3, 12)
_SHIFTS = {"LOAD_GLOBAL": 1, "LOAD_ATTR": 1 if _NEW else 0, "LOAD_SUPER_ATTR": 2}
"""Bits of flags below the index of a name."""


def operations(code: CodeType) -> Iterator[tuple[str, int]]:
    """Yield the name of each instruction and its argument; faster than dis."""
    names, data, extended = dis.opname, code.co_code, 0
    for at in range(0, len(data), 2):
        name, argument = names[data[at]], data[at + 1] | extended
        extended = argument << 8 if name == "EXTENDED_ARG" else 0
        if not extended or name != "EXTENDED_ARG":
            yield name, argument


class Lookups:
    """The names that the added code looks up."""

    def __init__(self) -> None:
        self.anywhere: set[str] = set()
        """Attributes of any object, and words in constants."""
        self.in_module: dict[str, set[str]] = {}
        """Names of a module, by its file."""
        self.imported: dict[str, set[str]] = {}
        """Names by the last part of the name of their module; `*` for all."""
        self.enumerates: CodeType | None = None
        """Code that may look at all names of a module."""

    def add(self, code: CodeType) -> None:
        """Read code that has run."""
        if self.enumerates is None and (
            not _ENUMERATING.isdisjoint(code.co_names) or {"sys", "modules"} <= set(code.co_names)
        ):
            self.enumerates = code
        of_module = self.in_module.setdefault(code.co_filename, set())
        constant, source = -1, ""
        skipped: set[int] = set()
        for name, argument in operations(code):
            if name == "LOAD_CONST":
                constant = argument
            elif name == "KW_NAMES":
                skipped.add(argument)
            elif name == "IMPORT_NAME":
                skipped.add(constant)
                source = code.co_names[argument].rpartition(".")[2]
                if code.co_consts[constant] == ("*",):
                    self.imported.setdefault(source, set()).add("*")
            elif name == "IMPORT_FROM":
                self.imported.setdefault(source, set()).add(code.co_names[argument])
            elif name in _MODULE:
                of_module.add(code.co_names[argument >> _SHIFTS.get(name, 0)])
            elif name in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
                self.anywhere.add(code.co_names[argument >> _SHIFTS.get(name, 0)])
        self._add_constants(code, skipped)

    def _add_constants(self, code: CodeType, skipped: set[int]) -> None:
        for at, each in enumerate(code.co_consts):
            if isinstance(each, str):
                self.anywhere.update(_WORD.findall(each))
            elif isinstance(each, tuple | frozenset) and at not in skipped:
                self.anywhere.update(part for part in each if isinstance(part, str))

    def has(self, name: str, filename: str, module: str) -> bool:
        """Return whether `name` may have been looked for in that module."""
        own = {module.rpartition(".")[2], ""}
        return (
            name in self.anywhere
            or name in self.in_module.get(filename, ())
            or any(name in self.imported.get(each, ()) for each in own)
        )

    def has_all(self, module: str, is_package: bool) -> bool:
        """Return whether all names of that module were imported at once."""
        tails = (module.rpartition(".")[2], *([""] if is_package else []))
        return any("*" in self.imported.get(each, ()) for each in tails)
