"""Decides, in the image, whether a swap makes a copy of it equal to a cold start of other files.

Laws: nothing is changed here. A save is compared with the files that the image has imported, not with the
last save. The index has addresses, so nothing of the app's may be freed: no code of it runs, no collector.
"""

from __future__ import annotations

import ast
import gc
import marshal
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Protocol

from msgspec import msgpack

from devserver.ipc.messages import Source
from devserver.worker.warm.additions import Addition, Unclear, adds, reduce, whole
from devserver.worker.warm.addresses import object_at
from devserver.worker.warm.bindings import Bindings, names_read_in
from devserver.worker.warm.holders import Holders, Index
from devserver.worker.warm.instructions import NOTED
from devserver.worker.warm.literals import Rebound, exchange
from devserver.worker.warm.names import Names
from devserver.worker.warm.reads import NamesRead
from devserver.worker.warm.record import Record
from devserver.worker.warm.swap import Refused, Swap
from devserver.worker.warm.trees import ClassLines, Difference, Pair, Unlike, called, compare


class Known(Protocol):
    """The part of the image's snapshot that a decision needs."""

    used: dict[str, None]

    def holds(self, path: str) -> bool | None:
        """Return whether the snapshot has a file at `path`, None if it does not know."""

    def text_that_ran(self, path: str) -> bytes | None:
        """Return the source of an own module that was imported, None for any other file."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """An edit taken apart: names that get other values, names that are new, and what else differs."""

    rebound: list[Rebound]
    additions: tuple[Addition, ...]
    difference: Difference


class Image:
    """Knows everything that was recorded of the app's import."""

    def __init__(self, record: Record, snapshot: Known) -> None:
        self._record = record
        self._snapshot = snapshot
        self._index: Index | None = None
        self._names: Names | None = None
        self._bindings: Bindings | None = None
        self._names_read = b""
        """What a fork has found out for decisions about values, encoded: it is decoded for the first one."""
        self._decided: dict[str, tuple[bytes, Swap]] = {}
        """By path: the digest of each file that an order has changed, and its part of the swap."""

    def look(self) -> tuple[Index, bytes]:
        """Return what there is in this process, or the one that it was forked from, for `take`."""
        if self._record.unavailable:
            return Index(), b""
        index = Holders(tree for trees in self._record.trees.values() for tree in trees).index
        return index, msgpack.encode(names_read_in(self._record))

    def take(self, index: Index, names: bytes) -> None:
        """Take over what a fork of this process has found; else the first decision looks itself."""
        self._index, self._names_read = index, names

    def decide(self, sources: Iterable[Source]) -> Swap | Refused:
        """Return the swap of a copy to these `sources`, or why it is refused."""
        assert not gc.isenabled(), "what the index has addresses of must not be freed"
        if self._record.unavailable:
            return Refused("", self._record.unavailable)
        if self._index is None:
            self.take(*self.look())
        swap = Swap()
        for source in sources:
            try:
                swap.join(self._part(source))
            except Unlike as reason:
                return Refused(source.path, str(reason))
        return swap

    def _part(self, source: Source) -> Swap:
        """Return the changes of one file; they stay the same as long as its text does. Raises Unlike."""
        digest, part = self._decided.get(source.path, (b"", None))
        if part is None or source.source is None or digest != source.digest:
            part = Swap()
            self._add(source, part)
            self._decided[source.path] = source.digest, part
        return part

    def _add(self, source: Source, swap: Swap) -> None:
        trees = self._record.trees.get(source.path, [])
        if source.source is None:
            raise Unlike("it was removed")
        if not trees:
            self._check_unused(source.path)
            return
        self._check_file(source.path, trees[0].co_filename)
        new = _compiled(source, trees[0].co_filename)
        differences = self._compare(source, trees, new, swap)
        touched = [module for module, _addition in swap.additions]
        touched += [module for module, _name, _value in swap.values]
        other = any(each.__file__ == trees[0].co_filename for each in touched)
        if not other and not any(each.pairs for each in differences):
            return
        for difference in differences:
            self._check(difference)
            self._check_lines(source.path, trees[0].co_filename, difference)
            self._list(difference, swap)
        bodies = [called(pair.old) for pair in differences[0].pairs if pair.body]
        swap.names.extend(dict.fromkeys(bodies))
        swap.paths.append(source.path)
        swap.files.append(trees[0].co_filename)

    def _compare(self, source: Source, trees: list[CodeType], new: CodeType, swap: Swap) -> list[Difference]:
        """Return the differences; what concerns names only is taken out and joins `swap`. Raises Unlike."""
        try:
            return [compare(tree, new, self._record.has_run) for tree in trees]
        except Unlike:
            parts = self._parts(source, trees[0], new) if len(trees) == 1 else None
            if parts is None:
                raise
        modules = self._modules_of(trees[0].co_filename)
        if len(modules) != 1 or sys.modules.get(modules[0].__name__) is not modules[0]:
            raise Unlike("names of it change, and it is loaded more than once")
        self._bind(modules[0], parts.rebound, swap)
        if parts.additions:
            self._names = self._names or Names(self._record)
            self._names.check(trees[0], modules[0], parts.additions)
        for addition in parts.additions:
            swap.additions.append((modules[0], addition))
            if not addition.modules:
                swap.names.append(f"{addition.names[0]}()")
        return [parts.difference]

    def _parts(self, source: Source, old: CodeType, new: CodeType) -> _Parts | None:
        """Return an edit taken apart, None if that leaves more than can be swapped."""
        has_new_names = adds(old, new)
        if not has_new_names and old.co_names != new.co_names:
            return None  # no parsing needed: more than values has changed
        text = self._snapshot.text_that_ran(source.path)
        try:
            tree = ast.parse(source.source or b"")
            rebound = exchange(text, tree) if text is not None else []
            if rebound and (difference := self._difference(old, whole(old, tree))):
                return _Parts(rebound, (), difference)
            reduced = reduce(old, tree) if has_new_names else None
        except (Unclear, SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        difference = self._difference(old, reduced.code) if reduced is not None else None
        if reduced is None or difference is None:
            return None
        return _Parts(rebound, reduced.additions, difference)

    def _difference(self, old: CodeType, new: CodeType) -> Difference | None:
        try:
            return compare(old, new, self._record.has_run)
        except Unlike:
            return None

    def _bind(self, module: ModuleType, rebound: list[Rebound], swap: Swap) -> None:
        """List every name that gets another value. Raises Unlike."""
        for each in rebound:
            for owner, name in self._known_bindings().of(module, each):
                swap.values.append((owner, name, each.new))
            swap.constants.append(each.name)

    def _known_bindings(self) -> Bindings:
        if self._bindings is None:
            names = msgpack.decode(self._names_read, type=NamesRead)
            text, modules = self._snapshot.text_that_ran, self._modules_of
            self._bindings = Bindings(self._record, text, modules, names)
        return self._bindings

    def _check_unused(self, path: str) -> None:
        if self._snapshot.holds(path) is None:
            raise Unlike("it is new")
        if path in self._snapshot.used:
            raise Unlike("another loader compiles it, or it cannot be imported")
        if reader := self._record.readers.texts.get(path):
            raise Unlike(f"{reader} read it at import")

    def _check_file(self, path: str, filename: str) -> None:
        readers, index = self._record.readers, self._found
        if reader := readers.texts.get(path):
            raise Unlike(f"{reader} read its source at import")
        if name := readers.copies.get(filename):
            raise Unlike(f"the code of {name}() was copied or rewritten at import")
        if name := index.strangers.get(filename):
            raise Unlike(f"{name}() was compiled in another way")

    def _modules_of(self, filename: str) -> list[ModuleType]:
        return [sys.modules[name] for name in self._found.modules.get(filename, ())]

    @property
    def _found(self) -> Index:
        assert self._index is not None
        return self._index

    def _check(self, difference: Difference) -> None:
        """Refuse if anything but functions keeps, or has read, code that the swap replaces."""
        readers, index = self._record.readers, self._found
        for pair in difference.pairs:
            for code in pair.replaced():
                name = called(code)
                if what := index.alive.get(id(code)):
                    raise Unlike(f"{what} of {name} from the import still exists")
                if reader := readers.bodies.get(id(code)):
                    raise Unlike(f"{reader} read the code of {name} at import")
                if id(code) in index.held_elsewhere:
                    raise Unlike(f"something else holds the code of {name}")
                if (reader := readers.lines.get(id(code))) and _has_moved(pair):
                    raise Unlike(f"{reader} read the line of {name} at import")

    def _check_lines(self, path: str, filename: str, difference: Difference) -> None:
        """Refuse if a line number that was recorded at import would differ now."""
        if not difference.ran_moved:
            return
        name = called(difference.ran_moved[-1])
        if holder := self._record.shown_lines(path) or self._found.lines.get(filename):
            raise Unlike(f"{holder} names a line of it, and {name} has moved")
        for module in self._modules_of(filename):
            if any(isinstance(key, tuple) for key in vars(module).get("__warningregistry__", ())):
                raise Unlike(f"a warning named a line of it, and {name} has moved")

    def _list(self, difference: Difference, swap: Swap) -> None:
        for pair in difference.pairs:
            for address in self._found.functions.get(id(pair.old), ()):
                function = object_at(address)
                assert function.__code__ is pair.old
                swap.codes.append((function, pair.new))
                if id(pair.old) in self._found.overloads:
                    swap.overloads.append(function)
        if difference.classes:
            swap.attributes.extend(self._renewed(difference.classes, difference.pairs[0].old.co_filename))

    def _renewed(self, changed: list[ClassLines], filename: str) -> Iterator[tuple[type, str, object]]:
        """Yield the new notes of classes on their source."""
        lines = {each.old.get(_LINE) for each in changed}
        by_name = {(each.qualname, each.old.get(_LINE)): each for each in changed}
        for module in self._modules_of(filename):
            for kind in map(object_at, self._found.classes.get(module.__name__, ())):
                noted = vars(kind)
                found = by_name.get((kind.__qualname__, noted[_LINE]))
                if found is None:
                    if noted[_LINE] in lines:
                        raise Unlike(f"class {kind.__qualname__} was copied from another")
                    continue
                for name, value in found.new.items():
                    if found.old.get(name) != value and name in noted:
                        if noted[name] != found.old.get(name):
                            raise Unlike(f"class {kind.__qualname__} has {name} of its own")
                        yield kind, name, value


_LINE = NOTED[0]


def _has_moved(pair: Pair) -> bool:
    return pair.old.co_firstlineno != pair.new.co_firstlineno


def _compiled(source: Source, filename: str) -> CodeType:
    """Return the code of a file as an import would get it. Raises Unlike."""
    code: object = marshal.loads(source.code) if source.code else None
    if isinstance(code, CodeType) and code.co_filename == filename:
        return code
    try:
        return compile(source.source or b"", filename, "exec", dont_inherit=True)
    except Exception as error:  # SyntaxError, ValueError, and for hostile nesting MemoryError, RecursionError
        raise Unlike(f"it does not compile ({type(error).__name__})") from error
