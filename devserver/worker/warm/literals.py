"""Finds the names of a module to which an edit gives other plain values, and what these values are.

Law: making a plain value reads nothing and changes nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_DISPLAYS = (ast.Tuple, ast.List, ast.Set)
_STEPS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_Binding = ast.Assign | ast.AnnAssign


@dataclass(frozen=True, slots=True)
class Rebound:
    """A name, the value that the old source gives it, and that of the new one."""

    name: str
    old: object
    new: object


def exchange(old: bytes, tree: ast.Module) -> list[Rebound]:
    """Put the values that the `old` source gives to names into the new `tree`; return what was exchanged."""
    before = dict(_bindings(ast.parse(old)))
    found = []
    for name, binding in _bindings(tree):
        was = before.get(name)
        if was is None or was.value is None or binding.value is None:
            continue
        if ast.dump(was.value) == ast.dump(binding.value):
            continue
        values = _value(was.value), _value(binding.value)
        if None not in values:
            found.append(Rebound(name, *(value for each in values for value in each or ())))
            binding.value = _moved(was.value, binding.lineno - was.lineno)
    return found


def _bindings(tree: ast.Module) -> Iterator[tuple[str, _Binding]]:
    """Yield the statements at module level that bind one name."""
    for statement in tree.body:
        match statement:
            case ast.Assign([ast.Name(name)]) | ast.AnnAssign(ast.Name(name), simple=1):
                yield name, statement


def _moved(node: ast.expr, lines: int) -> ast.expr:
    ast.increment_lineno(node, lines)
    return node


def _value(node: ast.expr) -> tuple[object] | None:
    """Return what a plain expression gives, in a tuple; None if it is not plain, or raises."""
    if not _is_plain(node):
        return None
    try:
        return (eval(compile(ast.Expression(node), "", "eval", dont_inherit=True), {"__builtins__": {}}),)
    except Exception:  # division by zero, what cannot be hashed
        return None


def _is_plain(node: ast.expr) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.Tuple(elts) | ast.List(elts) | ast.Set(elts):
            return all(map(_is_plain, elts))
        case ast.Dict(keys, values):
            return all(each is not None and _is_plain(each) for each in (*keys, *values))
    return _is_number(node)


def _is_number(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value):
            return isinstance(value, int | float | complex)
        case ast.UnaryOp(ast.USub() | ast.UAdd() | ast.Invert() | ast.Not(), operand):
            return _is_number(operand)
        case ast.BinOp(left, step, right):
            return isinstance(step, _STEPS) and _is_number(left) and _is_number(right)
    return False


def alike(one: object, other: object) -> bool:
    """Return whether two plain values differ in nothing but their identity."""
    if type(one) is not type(other):
        return False
    match one, other:
        case (tuple() | list(), tuple() | list()):
            return len(one) == len(other) and all(map(alike, one, other))
        case dict(), dict():
            return alike([*one.items()], [*other.items()])
        case set(), set():
            return one == other and {(type(each), repr(each)) for each in one} == {
                (type(each), repr(each)) for each in other
            }
    return repr(one) == repr(other)
