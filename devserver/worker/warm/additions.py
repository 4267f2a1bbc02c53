"""Separates the statements of an edited module that only add names: imports of loaded modules, new functions.

Law: running these statements last instead of at their place equals a cold start. They read nothing that
changes in between, and no code has looked at the module's names before.
"""

from __future__ import annotations
import __future__

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

from devserver.worker.warm.lookups import operations

_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag
_STORES = frozenset(("STORE_NAME", "STORE_GLOBAL"))
_TYPES = (ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List, ast.Constant, ast.BinOp, ast.BitOr)
"""Nodes that an annotation may consist of."""
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class Addition:
    """One statement that only adds names."""

    names: tuple[str, ...]
    """The names that it binds."""
    code: CodeType
    modules: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The modules that it imports, each with the names from it; relative names as they are written."""
    level: int = 0
    reads: frozenset[str] = frozenset()
    """Names of the module that it reads when it runs."""
    earlier: frozenset[str] = frozenset()
    """Names that the statements before it bind."""
    later: frozenset[str] = frozenset()
    """Names that only statements after it bind."""
    parameters: tuple[str, ...] = ()
    imported: frozenset[tuple[str, int]] = frozenset()
    """Imports of the statements before it: names as they are written, and the number of dots."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """A module without its additions, compiled as if these were empty lines."""

    code: CodeType
    additions: tuple[Addition, ...]


def bound(code: CodeType) -> list[str]:
    """Return the names that the module level binds, once for each place."""
    return [code.co_names[at] for name, at in operations(code) if name in _STORES]


def adds(old: CodeType, new: CodeType) -> bool:
    """Return whether the module level of `new` binds a name that `old` does not."""
    return not set(bound(old)).issuperset(bound(new))


def whole(old: CodeType, tree: ast.Module) -> CodeType:
    """Return a module's code, compiled as `old` was."""
    code: CodeType = compile(tree, old.co_filename, "exec", old.co_flags & _FUTURE, dont_inherit=True)
    return code


def reduce(old: CodeType, tree: ast.Module) -> Reduced | None:
    """Return the new `tree` without the statements that only add names to `old`; None if it has none."""
    known = set(bound(old))
    if ast.get_docstring(tree, clean=False) is None and _begins_with_text(tree.body[1:]):
        return None  # without them a string would come first, and become the docstring
    kept: list[ast.stmt] = []
    taken: list[tuple[int, ast.stmt]] = []
    for at, statement in enumerate(tree.body):
        rest, added = _split(statement, known)
        if added is not None:
            taken.append((at, added))
        if rest is not None:
            kept.append(rest)
    if not taken:
        return None
    flags = old.co_flags & _FUTURE
    additions = tuple(_addition(tree, at, each, old.co_filename, flags) for at, each in taken)
    return Reduced(whole(old, ast.Module(kept, tree.type_ignores)), additions)


def _begins_with_text(body: list[ast.stmt]) -> bool:
    values = [each.value for each in body if isinstance(each, ast.Expr)]
    return any(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in values)


def _split(statement: ast.stmt, known: set[str]) -> tuple[ast.stmt | None, ast.stmt | None]:
    """Return the part of a statement that stays, and the part that only adds names."""
    match statement:
        case ast.Import() | ast.ImportFrom():
            if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                return statement, None
            new = [each for each in statement.names if each.name != "*" and _binds(each) not in known]
            if not new:
                return statement, None
            old = [each for each in statement.names if each not in new]
            return _with_names(statement, old) if old else None, _with_names(statement, new)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            if statement.name in known or statement.decorator_list or getattr(statement, "type_params", None):
                return statement, None
            return None, statement
    return statement, None


def _binds(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _with_names(statement: ast.Import | ast.ImportFrom, names: list[ast.alias]) -> ast.stmt:
    if isinstance(statement, ast.Import):
        return ast.copy_location(ast.Import(names), statement)
    return ast.copy_location(ast.ImportFrom(statement.module, names, statement.level), statement)


def _addition(tree: ast.Module, at: int, statement: ast.stmt, filename: str, flags: int) -> Addition:
    before, after = _beside(tree.body[at], statement)
    earlier = frozenset(_stored(tree.body[:at])) | before
    later = (frozenset(_stored(tree.body[at + 1 :])) | after) - earlier
    imported = frozenset(_imported(tree.body[: at + 1], statement))
    code = compile(ast.Module([statement], []), filename, "exec", flags, dont_inherit=True)
    match statement:
        case ast.Import(names):
            modules = tuple((each.name, ()) for each in names)
            bound_by = tuple(map(_binds, names))
            return Addition(bound_by, code, modules, 0, frozenset(), earlier, later, (), imported)
        case ast.ImportFrom(module, names, level):
            wanted = tuple(each.name for each in names)
            where = ((module or "", wanted),)
            bound_by = tuple(map(_binds, names))
            return Addition(bound_by, code, where, level, frozenset(), earlier, later, (), imported)
        case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
            reads = frozenset(_reads(statement, textual=bool(flags & _ANNOTATIONS)))
            parameters = tuple(each.arg for each in (*statement.args.posonlyargs, *statement.args.args))
            return Addition((name,), code, (), 0, reads, earlier, later, parameters)
    raise AssertionError(statement)


def _imported(statements: list[ast.stmt], added: ast.stmt) -> Iterator[tuple[str, int]]:
    new = [each.name for each in added.names] if isinstance(added, ast.Import) else []
    for each in statements:
        match each:
            case ast.Import(names):
                yield from (
                    (alias.name, 0) for alias in names if each is not statements[-1] or alias.name not in new
                )
            case ast.ImportFrom(module, names, level) if each is not statements[-1] or each.names != _names(
                added
            ):
                yield module or "", level
                yield from ((f"{module or ''}.{alias.name}".lstrip("."), level) for alias in names)


def _names(statement: ast.stmt) -> list[ast.alias]:
    return statement.names if isinstance(statement, ast.Import | ast.ImportFrom) else []


def _beside(whole: ast.stmt, part: ast.stmt) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a statement binds before and after the part that was taken out of it."""
    if not isinstance(whole, ast.Import | ast.ImportFrom) or not isinstance(
        part, ast.Import | ast.ImportFrom
    ):
        return frozenset(), frozenset()
    names, new = list(map(_binds, whole.names)), set(map(_binds, part.names))
    places = [at for at, name in enumerate(names) if name in new]
    return frozenset(names[: places[0]]), frozenset(names[places[-1] + 1 :])


def _stored(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements may bind at their own level."""
    waiting: list[ast.AST] = list(statements)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                yield name
            case ast.Import(names) | ast.ImportFrom(_, names):
                yield from map(_binds, names)
            case ast.Name(name, ast.Store()):
                yield name
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
                yield node.name
        if not isinstance(node, _SCOPES):
            waiting += ast.iter_child_nodes(node)


_ANNOTATIONS: int = __future__.annotations.compiler_flag


_INITIAL = frozenset(
    ("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__path__", "__file__", "__cached__")
) | {"__builtins__", "__annotations__"}
"""Names that a module has before its first statement."""


class Unclear(Exception):
    """A definition runs code that this module cannot follow."""


def _reads(function: ast.FunctionDef | ast.AsyncFunctionDef, textual: bool) -> Iterator[str]:
    """Yield the names that a definition reads when it runs. Raises Unclear."""
    arguments = function.args
    for default in (*arguments.defaults, *arguments.kw_defaults):
        if default is not None and not _is_constant(default):
            raise Unclear
    every: list[ast.arg | None] = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [arguments.vararg, arguments.kwarg]
    annotations = [each.annotation for each in every if each is not None] + [function.returns]
    if textual:
        return
    for annotation in annotations:
        for node in ast.walk(annotation) if annotation is not None else ():
            if not isinstance(node, (*_TYPES, ast.expr_context)):
                raise Unclear
            if isinstance(node, ast.Name):
                yield node.id


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_constant(node.operand)
    if isinstance(node, ast.Tuple):
        return all(map(_is_constant, node.elts))
    return isinstance(node, ast.Constant)


def place_names(names: dict[str, Any], addition: Addition) -> bool:
    """Move an addition's names to their place after a cold start; return whether the place is certain."""
    new = [each for each in addition.names if each in names]
    before: list[str] = []
    for name in names:
        if name in new:
            continue
        if name in addition.later and name not in addition.earlier:
            break
        before.append(name)
    last = before[-1] if before else ""
    if last and last not in addition.earlier and last not in _INITIAL:
        return False
    head = {*before, *new}
    tail = {name: value for name, value in names.items() if name not in head}
    for name in tail:
        del names[name]
    for name in new:
        names[name] = names.pop(name)
    names.update(tail)
    return True


def resolved(module: str, level: int, package: str) -> str:
    """Return the full name of an imported module. Raises ImportError."""
    return importlib.util.resolve_name("." * level + module, package) if level else module
