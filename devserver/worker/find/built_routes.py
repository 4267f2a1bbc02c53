"""FastAPI's routes of included routers, built before the app starts instead of at its first request.

Law: the app sees no difference. If its start-up has changed anything that they are built from, FastAPI
builds them again.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from itertools import chain
from operator import is_
from typing import Any

from devserver.worker.find.routes import route_lists

_BUILT = "_effective_candidates_version"
"""The attribute of an included router that is None while its routes are not built."""
_LIBRARIES = ("fastapi", "starlette")
_Values = Collection[Any]
"""The values in a container, as they are at any time."""


class BuiltRoutes:
    """Create it to build the routes of `app`; call `renew` once the app has started."""

    def __init__(self, app: Any) -> None:
        self._included: list[Any] = []
        self._read: list[_Values] = []
        """The containers that building has read, without those of modules."""
        self._sizes: list[int] = []
        self._values: list[Any] = []
        """How many values they had then, and which, one after the other: so they are compared fast."""
        self._names: list[tuple[_Values, list[Any]]] = []
        """The same of modules: they may have more names now, since a submodule was imported."""
        if "fastapi.routing" not in sys.modules:
            return
        try:
            self._included += (each for routes in route_lists(app) for each in routes if _is_unbuilt(each))
            if not self._included:
                return
            for router in self._included:
                for _context in router.effective_route_contexts():
                    pass
            self._read = [*self._routes(), *_classes()]
            self._sizes = list(map(len, self._read))
            self._values = list(chain.from_iterable(self._read))
            self._names = [(values, list(values)) for values in map(_values_of, _modules())]
        except Exception:  # an attribute of the app's own; the request that needs it reports that
            self._undo()

    def renew(self) -> None:
        """Have FastAPI build the routes again, if what they were built from has changed."""
        try:
            same = (
                list(map(len, self._read)) == self._sizes
                and all(map(is_, chain.from_iterable(self._read), self._values))
                and all(len(now) >= len(then) and all(map(is_, now, then)) for now, then in self._names)
            )
        except Exception:
            same = False
        if not same:
            self._undo()
        self._read, self._sizes, self._values, self._names = [], [], [], []

    def _undo(self) -> None:
        for router in self._included:
            setattr(router, _BUILT, None)

    def _routes(self) -> Iterator[_Values]:
        pending = list(self._included)
        while pending:
            included = pending.pop()
            routes = included.original_router.routes
            pending += [route for route in routes if hasattr(route, "original_router")]
            for owner in (included.include_context, included.original_router, *routes):
                yield _values_of(owner)
                for value in vars(owner).values():
                    if isinstance(value, dict):
                        yield value.values()
                    elif isinstance(value, list | set):
                        yield value


def _is_unbuilt(route: Any) -> bool:
    """Return whether it is an included router whose routes are not built."""
    return getattr(route, _BUILT, 0) is None


def _values_of(owner: Any) -> _Values:
    values: _Values = vars(owner).values()
    return values


def _modules() -> list[Any]:
    return [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in _LIBRARIES]


def _classes() -> Iterator[_Values]:
    for module in _modules():
        for value in _values_of(module):
            if isinstance(value, type) and value.__module__ == module.__name__:
                yield _values_of(value)
