"""Describes values as plain data without addresses, so that two processes can be compared.

Law: two values that an app could tell apart are described differently, down to a stated depth.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import re
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

DEPTH = 14
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}|\b[0-9]{12,}\b|(?<=\w:)[0-9]{7,}\b")
"""An address in a text. Pydantic writes `main.Item:ID`; on a heap at low addresses, an id has nine digits."""
_LARGE = 1 << 40
"""Larger integers may be the id of an object, or a hash of one."""
_PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes))
_OPAQUE = (types.GeneratorType, types.CoroutineType, types.FrameType, types.TracebackType)
_LATER = frozenset(("__dict__", "__weakref__", "__builtins__", "__loader__", "__spec__", "__cached__"))
"""Names in modules and classes that do not depend on the app."""
_SHOWN = "__warningregistry__"
_CACHES = frozenset(("_abc_impl", "__abstractmethods_cache__"))

_namespace: Any = type.__dict__["__dict__"].__get__

Plain = Any
"""Strings, lists and dicts of them."""


class Describer:
    """Describes each value once, and then refers to that description. `owns`: is a module own?"""

    def __init__(self, owns: Callable[[str], bool]) -> None:
        self._owns = owns
        self._seen: dict[int, tuple[object, str]] = {}

    def module(self, module: types.ModuleType) -> Plain:
        """Return a module's names, in order, with their descriptions."""
        where = module.__name__
        return {
            name: self.value(_shown(value) if name == _SHOWN else value, f"{where}.{name}")
            for name, value in list(vars(module).items())
            if name not in _LATER
        }

    def value(self, value: object, where: str, depth: int = 0) -> Plain:
        """Return a value's description."""
        match value:
            case None | bool() | int() | float() | complex() | str() | bytes() if type(value) in _PLAIN:
                return f"{type(value).__name__} {self._label(value)}"
            case types.ModuleType():
                return f"module {value.__name__}"
            case types.CodeType():
                return code(value)
        if depth > DEPTH:
            return f"deep {_name(type(value))}"
        if type(value) is tuple and all(type(each) in _PLAIN for each in value):
            return [
                "tuple",
                *(self.value(each, where, depth) for each in value),
            ]  # whether equal constants are one object does not matter
        if id(value) in self._seen:
            return f"as {self._seen[id(value)][1]}"
        self._seen[id(value)] = value, where
        return self._compound(value, where, depth + 1)

    def _compound(self, value: Any, where: str, depth: int) -> Plain:
        kind = type(value)
        if isinstance(value, type):
            return self._class(value, where, depth)
        if kind is types.FunctionType:
            return self._function(value, where, depth)
        if isinstance(value, dict | types.MappingProxyType):
            return {"type": _name(kind), **self._items(value, where, depth)}
        if isinstance(value, list | tuple):
            items = [self.value(each, f"{where}[{at}]", depth) for at, each in enumerate(value)]
            return [_name(kind), *items]
        if isinstance(value, set | frozenset):
            return [_name(kind), *sorted(self._label(each) for each in value)]
        return self._instance(value, where, depth)

    def _items(self, value: Mapping[Any, Any], where: str, depth: int) -> Plain:
        return {
            f"[{number}] {label}": self.value(each, f"{where}[{label}]", depth)
            for number, (label, each) in enumerate(
                [(self._label(key), each) for key, each in list(value.items())]
            )
        }

    def _label(self, key: object) -> str:
        """Return a short name for a key or an element of a set."""
        if isinstance(key, tuple):
            return f"({', '.join(map(self._label, key))})"
        if type(key) is int:
            return "a large int" if abs(key) >= _LARGE else repr(key)
        if type(key) in _PLAIN:
            return _ADDRESS.sub("0x", repr(key))
        return (
            _name(key) if isinstance(key, type) or hasattr(key, "__qualname__") else f"a {_name(type(key))}"
        )

    def _class(self, kind: type, where: str, depth: int) -> Plain:
        if not self._owns(kind.__module__):
            return f"class {_name(kind)}"
        names = dict(_namespace(kind))
        return {
            "class": _name(kind),
            "type": _name(type(kind)),
            "bases": [_name(base) for base in kind.__mro__[1:]],
            "subclasses": list(map(_name, type.__subclasses__(kind))),
            "names": {
                name: self.value(each, f"{where}.{name}", depth)
                for name, each in names.items()
                if name not in _LATER and name not in _CACHES
            },
        }

    def _function(self, function: types.FunctionType, where: str, depth: int) -> Plain:
        if not self._owns(function.__module__ or "") and not self._owns(_module_of_code(function)):
            return f"function {_name(function)}"
        return {
            "function": _name(function),
            "code": code(function.__code__),
            **{
                what: self.value(getattr(function, what), f"{where}.{what}", depth)
                for what in ("__defaults__", "__kwdefaults__", "__annotations__", "__doc__", "__dict__")
            },
            "closure": [
                self.value(cell.cell_contents, f"{where}<{name}>", depth) if _is_filled(cell) else "empty"
                for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
            ],
        }

    def _instance(self, value: Any, where: str, depth: int) -> Plain:
        kind = type(value)
        name = _name(kind)
        if isinstance(value, _OPAQUE) or name.startswith(
            ("_thread.", "weakref", "_weakref", "_contextvars.")
        ):
            return f"a {name}"
        if isinstance(value, logging.Logger):
            return f"logger {value.name}"
        found: dict[str, Any] = {"a": name}
        for part in _parts(value):
            found[part] = self.value(_get(value, part), f"{where}.{part}", depth)
        names = _get(value, "__dict__")
        if name == "django.conf.LazySettings":  # the rest is a cache of it
            names = {"_wrapped": names.get("_wrapped")}
        if isinstance(names, dict):
            found["names"] = self._items(names, where, depth)
        for slot in _slots(kind):
            found[slot] = self.value(_get(value, slot), f"{where}.{slot}", depth)
        return found


def _shown(warnings: dict[Any, Any]) -> dict[Any, Any]:
    """Return which warnings were shown, without the count of changes to the filters until then."""
    return {key: value for key, value in warnings.items() if key != "version"}


def code(value: types.CodeType) -> Plain:
    """Return everything visible of a code object and of those in it."""
    return {
        "bytes": hashlib.blake2b(value.co_code + value.co_exceptiontable, digest_size=8).hexdigest(),
        "constants": [
            code(each) if isinstance(each, types.CodeType) else f"{type(each).__name__} {each!r}"
            for each in value.co_consts
        ],
        "names": list(value.co_names),
        "variables": [*value.co_varnames, "|", *value.co_freevars, "|", *value.co_cellvars],
        "lines": [value.co_firstlineno, hashlib.blake2b(value.co_linetable, digest_size=8).hexdigest()],
        "kind": [value.co_qualname, value.co_flags, value.co_argcount, value.co_kwonlyargcount],
    }


def _parts(value: object) -> Iterable[str]:
    """Return the attributes that hold the parts of a built-in object."""
    match value:
        case property():
            return ("fget", "fset", "fdel", "__doc__")
        case staticmethod() | classmethod():
            return ("__func__",)
        case functools.partial():
            return ("func", "args", "keywords")
        case types.MethodType():
            return ("__func__", "__self__")
    return ("__wrapped__",) if type(value).__name__ == "_lru_cache_wrapper" else ()


def _get(value: object, name: str) -> Any:
    """Return an attribute of an instance without running its class's own __getattribute__."""
    try:
        return object.__getattribute__(value, name)
    except Exception:
        return "missing"


def _slots(kind: type[Any]) -> list[str]:
    found: list[str] = []
    each: Any
    for each in kind.__mro__:
        if not _get_text(each, "__module__").startswith(("builtins", "_")):
            names: Mapping[str, object] = _namespace(each)
            found += [name for name, value in names.items() if isinstance(value, types.MemberDescriptorType)]
    return found


def _module_of_code(function: types.FunctionType) -> str:
    return str(function.__globals__.get("__name__", ""))


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _name(of: Any) -> str:
    module, name = _get_text(of, "__module__"), _get_text(of, "__qualname__")
    return _ADDRESS.sub("0x", f"{module}.{name}" if module else name)


def _get_text(of: Any, name: str) -> str:
    try:
        found = getattr(of, name)
    except Exception:
        return ""
    return found if isinstance(found, str) else ""
