"""Gives this process the conditions under which the app imported a module, and takes them back.

Laws: the app's changes are undone at the end. Changes that modules made at their import stay.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from devserver.ipc.messages import Surroundings
from devserver.worker.observe.conditions import CONDITIONS, Undo


class ConditionsReplay:
    """Replays conditions. `touched`: what the app has changed; variables by `variable(name)`, else by name.

    `handed_on`: the variables that modules have set, which the app had left alone.
    """

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._path, self._argv = sys.path[:], sys.argv[:]
        self._undo: list[Undo] = []
        self.touched: set[str] = set()
        self.handed_on: dict[str, str] = {}

    def set(self, wanted: Surroundings) -> str:
        """Set these conditions; return why that failed, "" if it did not."""
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
                except Exception:  # what the app has may be unavailable here
                    return f"the app has changed {name}"
        return ""

    def _set_environment(self, difference: dict[str, str | None]) -> None:
        for name in os.environ.keys() | self._environment.keys() | difference.keys():
            value = difference[name] if name in difference else self._environment.get(name)
            if os.environ.get(name) != value:
                self.touched.add(variable(name))
                _set(name, value)

    def close(self) -> None:
        """Undo the app's changes, and restore the whole environment."""
        for name in os.environ.keys() | self._environment.keys():
            if os.environ.get(name) != (value := self._environment.get(name)):
                _set(name, value)
        sys.path[:], sys.argv[:] = self._path, self._argv
        for undo in reversed(self._undo):
            with suppress(Exception):
                undo()


def variable(name: str) -> str:
    """Return the name of a variable in `touched`."""
    return f"os.environ[{name}]"


def _set(name: str, value: str | None) -> None:
    if value is None:
        del os.environ[name]
    else:
        os.environ[name] = value
