"""Reports when the body of a module starts and ends.

Law: neither the module nor code that inspects its loader can notice it, unlike a loader around the loader.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import ModuleSpec

Running = Callable[[ModuleSpec, bool], None]
"""Called with True when the body starts, and with False once it has returned or raised."""


def observe(spec: ModuleSpec, on_running: Running) -> None:
    """Call `on_running` at the start and end of this import, unless the spec has a custom type."""
    if type(spec) is ModuleSpec:
        spec.__class__ = _Observed
        spec.__dict__["_on_running"] = on_running


class _Observed(ModuleSpec):
    """The import system sets `_initializing` around the body; afterwards this is an ordinary spec."""

    _on_running: Running

    @property
    def _initializing(self) -> bool:
        return bool(self.__dict__.get("_initializing"))

    @_initializing.setter
    def _initializing(self, running: bool) -> None:
        self.__dict__["_initializing"] = running
        on_running = self._on_running
        if not running:
            del self._on_running
            self.__class__ = ModuleSpec  # type: ignore[assignment]
        on_running(self, running)


_Observed.__name__ = _Observed.__qualname__ = "ModuleSpec"  # shown in repr()
