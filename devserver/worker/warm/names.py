"""Decides whether a module may get new names: no code may have looked for them, or at all names.

Law: a case that is not known to be harmless is refused.
"""

from __future__ import annotations

import builtins
import os
import re
import sys
from collections.abc import Iterable
from types import CodeType, ModuleType

from devserver.worker.load.modules import is_module_object
from devserver.worker.warm.additions import Addition, bound, place_names, resolved
from devserver.worker.warm.lookups import Lookups
from devserver.worker.warm.record import Record
from devserver.worker.warm.trees import Unlike, called

LOOKED_FOR = re.compile(
    r"__\w+__|on_\w+|protocol|app|application|(create|make|get)_app|asgi|wsgi|urlpatterns|handler\d+|default_\w+"
    r"|celery|register|setup|teardown|ready|includeme|load_tests",
    re.ASCII,
)
"""Names that frameworks look up in modules."""
_SETTING = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
"""Names that they look up in modules of settings."""
_IMPORTERS = frozenset(
    ("django.apps.config", "django.urls.conf", "django.urls.resolvers", "django.utils.module_loading")
)
"""Modules that import the app's modules and look for such names only."""
_INTERFACES = frozenset(("scope", "receive", "send", "environ", "start_response"))


class Names:
    """The names that the app's own code has looked up during its import."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._lookups = Lookups()
        self._order: dict[str, int] = {}
        for code in record.codes():
            if record.has_run(code):
                self._lookups.add(code)

    def check(self, tree: CodeType, module: ModuleType, additions: Iterable[Addition]) -> None:
        """Raise Unlike if a cold start may differ from the module with these additions run last."""
        first = next(iter(additions)).names[0]
        if (code := self._lookups.enumerates) is not None:
            raise Unlike(f"{first} is new, and {called(code)} may have looked at all names")
        if self._lookups.has_all(module.__name__, hasattr(module, "__path__")):
            raise Unlike(f"{first} is new, and all its names were imported at once")
        importer = self._record.importers.get(id(tree), "")
        if importer and importer not in _IMPORTERS:
            raise Unlike(f"{first} is new, and {importer} may have looked at its names")
        stored = bound(tree)
        names = dict(vars(module))
        added: set[str] = set()
        for addition in additions:
            for name in addition.names:
                self._check_name(name, tree.co_filename, module)
            if set(addition.parameters) & _INTERFACES:
                raise Unlike(f"{addition.names[0]} is new, and looks like an app")
            self._check_imports(tree, module, addition)
            for name in addition.reads:
                self._check_read(name, addition, stored, added, names)
            names.update(dict.fromkeys(addition.names))
            if not place_names(names, addition):
                raise Unlike(f"{addition.names[0]} is new, and its place among the names is unclear")
            added.update(addition.names)

    def _check_name(self, name: str, filename: str, module: ModuleType) -> None:
        if name in vars(module) or hasattr(builtins, name):
            raise Unlike(f"{name} is new, and had another meaning")
        if self._lookups.has(name, filename, module.__name__) or _is_conventional(name):
            raise Unlike(f"{name} is new, and something may have looked for it")
        for folder in getattr(module, "__path__", ()):
            if any(os.path.lexists(os.path.join(folder, each)) for each in (name, f"{name}.py")):
                raise Unlike(f"{name} is new, and is also a module's name")

    def _check_read(
        self, name: str, addition: Addition, stored: list[str], added: set[str], names: dict[str, object]
    ) -> None:
        if name in added:
            return
        if name in addition.earlier and stored.count(name) == 1 and name in names:
            return
        if name not in names and hasattr(builtins, name):
            return
        raise Unlike(f"{addition.names[0]} is new, and {name} may have another value when it is defined")

    def _check_imports(self, tree: CodeType, module: ModuleType, addition: Addition) -> None:
        package = str(vars(module).get("__package__") or "")
        before = {resolved(written, level, package) for written, level in addition.imported}
        for written, wanted in addition.modules:
            name = resolved(written, addition.level, package)
            parts = name.split(".")
            for count in range(1, len(parts) + 1):
                self._check_loaded(tree, module, ".".join(parts[:count]), before)
            for each in wanted:
                if each not in vars(sys.modules[name]):
                    raise Unlike(f"it imports {each} from {name}, which does not have it yet")
                if f"{name}.{each}" in sys.modules:
                    self._check_loaded(tree, module, f"{name}.{each}", before)

    def _check_loaded(self, tree: CodeType, module: ModuleType, name: str, before: set[str]) -> None:
        """Refuse if the module was not completely imported when the statement would have run.

        Python moves a module to the end of `sys.modules` when it has run: their order is that of their ends.
        """
        if not is_module_object(sys.modules.get(name)):
            raise Unlike(f"it imports {name}, which is not loaded")
        order = self._order = self._order or {each: at for at, each in enumerate(sys.modules)}
        if order[name] <= order.get(self._record.before.get(id(tree), ""), -1):
            return
        if name not in before or order[name] >= order.get(module.__name__, -1):
            raise Unlike(f"it imports {name}, which was not completely imported when it ran")


def _is_conventional(name: str) -> bool:
    return bool(LOOKED_FOR.fullmatch(name) or _SETTING.fullmatch(name))
