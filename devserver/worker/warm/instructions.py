"""Reads instructions: where two code objects begin to differ, and a class body's notes on its source."""

from __future__ import annotations

import dis
from dataclasses import dataclass
from types import CodeType
from typing import Any

NOTED = ("__firstlineno__", "__static_attributes__")
"""Attributes in which a class body notes its source, from Python 3.13 on."""
_CONSTANTS = frozenset(("LOAD_CONST", "LOAD_CONST_IMMORTAL", "LOAD_SMALL_INT"))


@dataclass(frozen=True, slots=True)
class ClassBody:
    """A class body without its notes on its source, and these notes."""

    steps: tuple[object, ...]
    noted: dict[str, Any]


def of_class(code: CodeType) -> ClassBody:
    """Return a class body's parts; constants by value, not by their place in the table."""
    found = [each for each in dis.get_instructions(code) if each.opname != "EXTENDED_ARG"]
    place = {each.offset: number for number, each in enumerate(found)}
    noted: dict[str, Any] = {}
    steps: list[object] = []
    for number, each in enumerate(found):
        after = found[number + 1] if number + 1 < len(found) else None
        if each.opname in _CONSTANTS:
            if after is not None and after.opname == "STORE_NAME" and after.argval in NOTED:
                noted[after.argval] = each.argval
                steps.append("noted")
            else:
                steps.append(constant(each.argval))
        elif each.opcode in dis.hasjrel or each.opcode in dis.hasjabs:
            target = min((at for at in place if at >= each.argval), default=-1)
            steps.append((each.opname, place.get(target)))
        elif each.opcode in dis.hasconst:
            steps.append((each.opname, constant(each.argval)))
        elif each.argrepr:
            steps.append((each.opname, each.argrepr))
        else:
            steps.append((each.opname, each.arg))
    return ClassBody(tuple(steps), noted)


def constant(value: object) -> object:
    """Return a key that differs for different constants: 1 and True, 0.0 and -0.0, (1, 2) and (2, 1)."""
    match value:
        case CodeType():
            return CodeType
        case tuple():
            return (tuple, *map(constant, value))
        case frozenset():
            return (frozenset, *map(constant, value))
        case float() | complex():
            return type(value), repr(value)
    return type(value), value


def first_difference(old: CodeType, new: CodeType) -> int | None:
    """Return the line at which the new code begins to differ from the old one, None if it is not known."""
    line = None
    before = dis.get_instructions(old)
    for each in dis.get_instructions(new):
        line = (each.positions.lineno if each.positions else None) or line
        other = next(before, None)
        if other is None or _read(each) != _read(other):
            return line
    return line


def _read(instruction: dis.Instruction) -> tuple[object, ...]:
    value = instruction.argval
    if isinstance(value, CodeType):
        return instruction.opname, value.co_name
    return instruction.opname, type(value), repr(value)
