"""Modules among what `sys.modules` holds: libraries put other objects there, and some claim to be modules."""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypeGuard


def is_module_object(value: object) -> TypeGuard[ModuleType]:
    """Return whether it is a module: cffi's libraries are not, though `isinstance` says so."""
    return issubclass(type(value), ModuleType)


def names_of(module: ModuleType) -> dict[str, Any]:
    """Return a module's namespace, without running what its class makes of asking for it."""
    names: dict[str, Any] = ModuleType.__getattribute__(module, "__dict__")
    return names
