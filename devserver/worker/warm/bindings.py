"""Decides whether names may get other plain values: whether anything has read them at import.

Law: what is not known to be harmless is refused. A name that was only imported from its module follows it.
"""

from __future__ import annotations

import dis
import os
import sys
from collections.abc import Callable, Iterator
from types import CodeType, ModuleType

from devserver.worker.load.modules import is_module_object, names_of
from devserver.worker.warm.additions import resolved
from devserver.worker.warm.literals import Rebound, alike
from devserver.worker.warm.names import LOOKED_FOR
from devserver.worker.warm.reads import NamesRead, Reads, Uses, names_read, uses
from devserver.worker.warm.record import Record
from devserver.worker.warm.trees import Unlike, called, is_module, walk

_OF_MODULE = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
_BINDS = ("STORE_NAME", "STORE_GLOBAL")
_OF_OWN = (*_OF_MODULE, *_BINDS, "DELETE_NAME", "DELETE_GLOBAL")
_ASKS = ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR")
_HOLDS = ("LOAD_ATTR", "LOAD_METHOD", *_OF_MODULE)


def names_read_in(record: Record) -> NamesRead:
    """Return what the code that has run names, and whether all such code is known."""
    names = names_read(each for each in record.codes() if is_module(each) or record.has_run(each))
    names.unread = next(_unread(record), "")
    return names


def _unread(record: Record) -> Iterator[str]:
    for name, module in list(sys.modules.items()):
        file = names_of(module).get("__file__") if is_module_object(module) else None
        if not isinstance(file, str) or name in record.earlier or not record.owns(file):
            continue
        if not record.trees.get(record.place(file)):
            yield name


class Bindings:
    """What the app's own code has read of its modules while it was imported."""

    def __init__(
        self,
        record: Record,
        text_that_ran: Callable[[str], bytes | None],
        modules_of: Callable[[str], list[ModuleType]],
        names: NamesRead,
    ) -> None:
        self._record = record
        self._text_that_ran = text_that_ran
        self._modules_of = modules_of
        self._used: dict[str, Uses | None] = {}
        self._reads = Reads(names)
        self._enumerates = self._reads.enumerates(lambda code: text_that_ran(code.co_filename))
        self._unread = names.unread
        self._checked: set[str] = set()

    def of(self, module: ModuleType, rebound: Rebound) -> list[tuple[ModuleType, str]]:
        """Return all names that a cold start binds to the other value. Raises Unlike."""
        name = rebound.name
        if name not in names_of(module) or not alike(names_of(module)[name], rebound.old):
            raise Unlike(f"{name} changed, and has got another value since it was set")
        found = [(module, name)]
        for each, alias in found:  # grows
            self._check_module(each, alias)
            self._check_name(each, alias)
            if names_of(each).get(alias) is not names_of(module)[name]:
                raise Unlike(f"{name} changed, and {each.__name__}.{alias} is something else")
            found += [new for new in self._follow(each, alias) if new not in found]
        return found

    # the module

    def _check_module(self, module: ModuleType, name: str) -> None:
        """Refuse if anything may have looked at all names of the module."""
        if self._enumerates:
            raise Unlike(f"{name} changed, and {_who(self._enumerates)} may have looked at all names")
        if self._unread:
            raise Unlike(f"{name} changed, and {self._unread} may have looked at it: its code is not known")
        if module.__name__ in self._checked:
            return
        tree = self._tree(module, name)
        record, full = self._record, module.__name__
        if importer := record.importers.get(id(tree)) or record.asked.get(full):
            raise Unlike(f"{name} changed, and {importer} may have looked at it")
        if code := self._reads.with_text(full):
            raise Unlike(f"{name} changed, and {_who(code)} names {full} in a text")
        for code in self._reads.stars:
            self._check_star(code, module, name)
        self._check_locals(full.partition(".")[0], name)
        parts = full.split(".")
        for count in range(1, len(parts) + 1):
            self._check_held(sys.modules.get(".".join(parts[:count])), name)
        self._checked.add(full)

    def _tree(self, module: ModuleType, name: str) -> CodeType:
        file = names_of(module).get("__file__")
        trees = self._record.trees.get(self._record.place(file), []) if isinstance(file, str) else []
        if len(trees) != 1 or type(module) is not ModuleType or self._of(trees[0]) != [module]:
            raise Unlike(f"{name} changed, and {module.__name__} was not loaded once as Python does it")
        return trees[0]

    def _check_star(self, code: CodeType, module: ModuleType, name: str) -> None:
        steps = self._reads.steps(code)
        for at, step in enumerate(steps):
            if step.opname != "IMPORT_NAME" or steps[at - 1].argval != ("*",):
                continue
            if self._imported(code, steps, at) in (module.__name__, None):
                raise Unlike(f"{name} changed, and {_who(code)} imported all names at once")

    def _check_held(self, module: object, name: str) -> None:
        """Refuse if code has done anything with a module but asking it for attributes."""
        if not is_module_object(module):
            raise Unlike(f"{name} changed, and a package around it is gone")
        full = module.__name__
        names = {full.rpartition(".")[2], *self._held_as(module)}
        loops: set[str] = set()
        for each in names:
            for code in self._reads.naming(each):
                if self._hands_on(code, each, module, loops):
                    raise Unlike(f"{name} changed, and {_who(code)} hands on the module {full}")
        for each in loops:
            for code in self._reads.naming(each):
                if self._takes_loop(code, each):
                    raise Unlike(f"{name} changed, and {_who(code)} hands on the module {full}")

    def _held_as(self, module: ModuleType) -> Iterator[str]:
        for trees in self._record.trees.values():
            for own in self._of(trees[0]):
                yield from (name for name, value in names_of(own).items() if value is module)

    def _hands_on(self, code: CodeType, name: str, module: ModuleType, loops: set[str]) -> bool:
        """Return whether code uses a module as a whole; the loops over modules that it has join `loops`."""
        steps = self._reads.steps(code)
        for at, step in enumerate(steps):
            if step.argval != name or step.opcode not in dis.hasname:
                continue
            if step.opname in ("IMPORT_FROM", "IMPORT_NAME"):
                if not is_module(code):
                    return True
            elif step.opname in _HOLDS and steps[at + 1].opname not in _ASKS:
                if step.opname in _OF_MODULE:
                    related = self._may_be(code, name, module)
                else:
                    related = not self._is_other(code, steps[at - 1])
                found = self._uses(code) if related else None
                if related and (found is None or name in found.whole):
                    return True
                loops |= found.loops if found is not None else set()
        return False

    def _takes_loop(self, code: CodeType, name: str) -> bool:
        """Return whether code takes the variable of a loop over modules from the module of the loop."""
        steps = self._reads.steps(code)
        return any(
            step.argval == name
            and (
                step.opname == "IMPORT_FROM"
                or (step.opname in _ASKS[:2] and steps[at + 1].opname not in _ASKS)
            )
            for at, step in enumerate(steps)
        )

    def _uses(self, code: CodeType) -> Uses | None:
        file = code.co_filename
        if file not in self._used:
            self._used[file] = uses(self._text_that_ran(file))
        return self._used[file]

    def _may_be(self, code: CodeType, name: str, module: ModuleType) -> bool:
        """Return whether a variable of a module is or was that module."""
        return any(
            names_of(own).get(name, module) is module or self._bound(own, name) != 1 for own in self._of(code)
        )

    def _is_other(self, code: CodeType, step: dis.Instruction) -> bool:
        """Return whether an instruction gives something that is no module."""
        return step.opname in _OF_MODULE and all(
            not is_module_object(names_of(own).get(step.argval, own)) and self._bound(own, step.argval) == 1
            for own in self._of(code)
        )

    def _bound(self, module: ModuleType, name: str) -> int:
        """Return how many statements of a module bind a name."""
        trees = self._record.trees.get(self._record.place(str(names_of(module).get("__file__"))), [])
        functions = [code for code in self._reads.naming(name) if module in self._of(code)]
        return sum(
            step.argval == name and step.opname in (_BINDS if is_module(code) else _BINDS[1:])
            for code in (*trees, *(each for each in functions if not is_module(each)))
            for step in self._reads.steps(code)
        )

    def _check_locals(self, package: str, name: str) -> None:
        """Refuse if a function has imported anything of the package as a variable of its own."""
        for each, codes in self._reads.naming_any_of(package):
            for code in codes:
                if not is_module(code) and self._takes(code, each):
                    raise Unlike(f"{name} changed, and {_who(code)} hands on the module {each}")

    def _takes(self, code: CodeType, module: str) -> bool:
        """Return whether code imports a module itself, and not only names from it."""
        steps = self._reads.steps(code)
        return any(
            step.opname == "IMPORT_NAME" and step.argval == module and type(steps[at - 1].argval) is not tuple
            for at, step in enumerate(steps)
        )

    def _of(self, code: CodeType) -> list[ModuleType]:
        """Return the modules that a code is of."""
        return self._modules_of(code.co_filename)

    # the name

    def _check_name(self, module: ModuleType, name: str) -> None:
        """Refuse if anything but its one assignment, and imports of it, names it."""
        if LOOKED_FOR.fullmatch(name):
            raise Unlike(f"{name} changed, and something may have looked for it")
        if code := self._reads.code_with(name):
            raise Unlike(f"{name} changed, and {_who(code)} may have looked for it by a text")
        tree = self._tree(module, name)
        if self._bound(module, name) != 1:
            raise Unlike(f"{name} changed, and is set in more than one place")
        for code in walk(tree):
            if id(code) in self._record.readers.bodies and any(name in each.co_names for each in walk(code)):
                reader = self._record.readers.bodies[id(code)]
                raise Unlike(f"{name} changed, and {reader} read the code of {called(code)}")
        for code in self._reads.naming(name):
            for step in self._reads.steps(code):
                if step.argval == name and step.opcode in dis.hasname:
                    self._check_use(code, step.opname, module, name)

    def _check_use(self, code: CodeType, does: str, module: ModuleType, name: str) -> None:
        if does in ("IMPORT_NAME", "IMPORT_FROM"):
            return  # a module of that name; `_follow` looks at what is imported
        if does in _OF_OWN and module not in self._of(code):
            return
        if does == _BINDS[0] or (does in _BINDS and is_module(code)):
            return
        raise Unlike(f"{name} changed, and {_who(code)} read it at import")

    def _follow(self, module: ModuleType, name: str) -> Iterator[tuple[ModuleType, str]]:
        """Yield the names that statements at module level have imported it as."""
        for code in self._reads.naming(name):
            steps = self._reads.steps(code)
            source = -1
            for at, step in enumerate(steps):
                if step.opname == "IMPORT_NAME":
                    source = at
                if step.opname != "IMPORT_FROM" or step.argval != name:
                    continue
                origin = self._imported(code, steps, source)
                if origin is not None and sys.modules.get(origin) is not module:
                    continue
                owners = self._of(code)
                if origin is None or not is_module(code) or steps[at + 1].opname != "STORE_NAME":
                    raise Unlike(f"{name} changed, and {_who(code)} read it at import")
                yield from ((owner, steps[at + 1].argval) for owner in owners)

    def _imported(self, code: CodeType, steps: list[dis.Instruction], at: int) -> str | None:
        """Return the full name of what an IMPORT_NAME imports, None if that is unclear."""
        level = steps[at - 2].argval if at > 1 else None
        packages = {str(names_of(each).get("__package__") or "") for each in self._of(code)}
        if not isinstance(level, int) or len(packages) != 1:
            return None
        try:
            return resolved(steps[at].argval, level, packages.pop())
        except ImportError:
            return None


def _who(code: CodeType) -> str:
    """Return how a person would name code that has run."""
    return os.path.basename(code.co_filename) if is_module(code) else called(code)
