"""An index of the names and the texts in the code that has run: what it may have looked for, and where.

Law: every way in which bytecode names what it looks for is found; words in constants count as names, too.
"""

from __future__ import annotations

import ast
import dis
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType

from msgspec import Struct

from devserver.worker.warm.addresses import object_at

_WORD = re.compile(r"[A-Za-z_]\w*")
_LONGEST = 255
"""Characters of the name of a module."""
_ENUMERATING = (
    *("globals", "locals", "vars", "dir", "__dict__", "getmembers", "getmembers_static", "f_globals"),
    *("exec", "eval", "__import__", "import_string", "from_object", "config_from_object"),
    *("from_pyfile", "run_module", "run_path", "walk_packages", "iter_modules", "find_modules", "reload"),
    *("__globals__", "get_objects", "get_referrers", "LazyLoader", "resolve_name", "getmodule"),
)
"""Names in code that may look at all names of a module, or has others do so."""


_DISPLAYS = frozenset(("BUILD_LIST", "BUILD_TUPLE", "LIST_EXTEND"))


class NamesRead(Struct):
    """What the code that has run names; code by its `id`."""

    named: dict[str, list[int]] = {}
    """By the names in it, of variables, attributes and modules."""
    texts: dict[str, int] = {}
    """By those of its constants that may be the name of a module."""
    words: dict[str, list[int]] = {}
    """By the words in its constants."""
    stars: list[int] = []
    """Code that imports all names of a module at once."""
    unread: str = ""
    """An own module whose code is not known."""


def names_read(codes: Iterable[CodeType]) -> NamesRead:
    """Return what these name. Keep them, because `id`s identify them."""
    found = NamesRead()
    for code in codes:
        for name in code.co_names:
            found.named.setdefault(name, []).append(id(code))
        if ("*",) in code.co_consts:
            found.stars.append(id(code))
        texts = set(_texts(code.co_consts))
        for text in texts:
            if len(text) <= _LONGEST and text.isprintable() and " " not in text:
                found.texts.setdefault(text, id(code))
        for word in _words(texts):
            found.words.setdefault(word, []).append(id(code))
    return found


def _texts(constants: Iterable[object]) -> Iterator[str]:
    for each in constants:
        if isinstance(each, str):
            yield each
        elif isinstance(each, tuple | frozenset):
            yield from _texts(each)


class Reads:
    """Finds code by what it names; the code is read in full only where that name is in it."""

    def __init__(self, names: NamesRead) -> None:
        self._names = names
        self._known: dict[int, list[dis.Instruction]] = {}

    def naming(self, name: str) -> list[CodeType]:
        """Return code that has a name in it."""
        return list(_codes(self._names.named.get(name, ())))

    def naming_any_of(self, package: str) -> Iterator[tuple[str, list[CodeType]]]:
        """Yield the names of a package and of what is in it, each with the code that has it."""
        for name in self._names.named:
            if name == package or name.startswith(f"{package}."):
                yield name, self.naming(name)

    def with_text(self, text: str) -> CodeType | None:
        """Return code that has the name of a module among its constants."""
        found = self._names.texts.get(text)
        return None if found is None else next(_codes((found,)))

    @property
    def stars(self) -> list[CodeType]:
        """Return code that imports all names of a module at once."""
        return list(_codes(self._names.stars))

    def enumerates(self, text_of: Callable[[CodeType], bytes | None]) -> CodeType | None:
        """Return code that may have looked at all names of some module; `text_of` gives a code's source."""
        for name in _ENUMERATING:
            if found := self.naming(name):
                return found[0]
        for code in self.naming("import_module"):
            text = text_of(code)
            if text is None or not asks_only(text):
                return code
        of_sys = set(self._names.named.get("sys", ()))
        return next((code for code in self.naming("modules") if id(code) in of_sys), None)

    def steps(self, code: CodeType) -> list[dis.Instruction]:
        """Return the instructions of a code."""
        if id(code) not in self._known:
            skipped = ("EXTENDED_ARG", "CACHE", "NOP")
            found = dis.get_instructions(code)
            self._known[id(code)] = [each for each in found if each.opname not in skipped]
        return self._known[id(code)]

    def code_with(self, word: str) -> CodeType | None:
        """Return code that has a word in its texts, but for imported names, annotations, `__all__`."""
        for code in _codes(self._names.words.get(word, ())):
            steps = self.steps(code)
            for at, step in enumerate(steps):
                if step.opcode not in dis.hasconst or word not in _words((step.argval,)):
                    continue
                after = steps[at + 1].opname if at + 1 < len(steps) else ""
                if after == "IMPORT_NAME" and isinstance(step.argval, tuple):
                    continue
                before = steps[at - 1].argval if at else None
                if after == "STORE_SUBSCR" and before == "__annotations__" and step.argval == word:
                    continue
                if _lists_exports(steps[at + 1 :]):
                    continue
                return code
        return None


def _words(constants: Iterable[object]) -> set[str]:
    return {word for text in _texts(constants) for word in _WORD.findall(text)}


def _codes(addresses: Iterable[int]) -> Iterator[CodeType]:
    yield from map(object_at, addresses)


def _lists_exports(after: list[dis.Instruction]) -> bool:
    """Return whether what was loaded goes into `__all__` at once: an import by it imports all names."""
    for step in after:
        if step.opname == "STORE_NAME":
            return bool(step.argval == "__all__")
        if not step.opname.startswith("LOAD_CONST") and step.opname not in _DISPLAYS:
            return False
    return False


def asks_only(text: bytes) -> bool:
    """Return whether what `import_module` gives is only asked for attributes, wherever it is called."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    asked: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Call(func)) | ast.Expr(ast.Call(func)):
                asked.add(id(func))
            case ast.alias("import_module", asname) if asname:
                return False
    return all(id(node) in asked for node in ast.walk(tree) if _is_import_module(node))


def _is_import_module(node: ast.AST) -> bool:
    match node:
        case ast.Name("import_module") | ast.Attribute(attr="import_module"):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Uses:
    """How a file uses names and attributes, all of its scopes taken together."""

    whole: frozenset[str]
    """Those that are used for more than to ask them for an attribute."""
    loops: frozenset[str]
    """Variables of loops over what is listed there, if they are only asked for attributes."""


def uses(text: bytes | None) -> Uses | None:
    """Return how a file uses names; None if that is unclear."""
    try:
        nodes = list(ast.walk(ast.parse(text or b"")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    asked = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    listed: dict[str, set[int]] = {}
    for node in nodes:
        match node:
            case ast.For(ast.Name(name), ast.Tuple(each) | ast.List(each)):
                listed.setdefault(name, set()).update(map(id, each))
    whole = set(_whole(nodes, asked))
    loops = frozenset(listed.keys() - whole)
    for name in loops:
        asked |= listed[name]
    return Uses(frozenset(_whole(nodes, asked)), loops)


def _whole(nodes: Iterable[ast.AST], asked: set[int]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Name(name, ast.Load()) | ast.Attribute(attr=name, ctx=ast.Load()):
                if id(node) not in asked:
                    yield name
            case ast.AugAssign(ast.Name(name)):
                yield name
