"""Makes this process look as the app had made it look when it imported something, and takes that back.

Law: what the app has changed is undone at the end; what modules have changed at their import stays.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from devserver.ipc.messages import Surroundings
from devserver.worker.observe.conditions import CONDITIONS, Undo


class ConditionsReplay:
    """`touched`: what the app has changed so far; variables by `variable(name)`, conditions by their names.

    `handed_on`: the variables that modules have set, which the app had left alone.
    """

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._path, self._argv = sys.path[:], sys.argv[:]
        self._undo: list[Undo] = []
        self.touched: set[str] = set()
        self.handed_on: dict[str, str] = {}

    def set(self, wanted: Surroundings) -> str:
        """Make it so; return why it cannot be done, "" if it is."""
        self._set_environment(wanted.environment)
        sys.path[:] = self._path if wanted.path is None else wanted.path
        sys.argv[:] = self._argv if wanted.argv is None else wanted.argv
        for name, value in wanted.conditions.items():
            condition = CONDITIONS.get(name)
            if condition is None or condition.look() == value:
                continue
            self.touched.add(name)
            if condition.put is not None:
                try:
                    self._undo.append(condition.put(value))
                except Exception:  # what the app has may be here not to be had
                    return f"the app has changed {name}"
        return ""

    def _set_environment(self, difference: dict[str, str | None]) -> None:
        for name in os.environ.keys() | self._environment.keys() | difference.keys():
            value = difference[name] if name in difference else self._environment.get(name)
            if os.environ.get(name) != value:
                self.touched.add(variable(name))
                _set(name, value)

    def close(self) -> None:
        """Take back what the app has changed, and the environment whole."""
        for name in os.environ.keys() | self._environment.keys():
            if os.environ.get(name) != (value := self._environment.get(name)):
                _set(name, value)
        sys.path[:], sys.argv[:] = self._path, self._argv
        for undo in reversed(self._undo):
            with suppress(Exception):
                undo()


def variable(name: str) -> str:
    """Return what a variable is called among what is touched."""
    return f"os.environ[{name}]"


def _set(name: str, value: str | None) -> None:
    if value is None:
        del os.environ[name]
    else:
        os.environ[name] = value
