"""Finds where a module keeps the process id, which would be another one in a copy.

Law: a number that the code shows to equal it by chance does not count. Where process ids are small, as in a
container, constants often equal one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from types import CodeType, ModuleType

from devserver.worker.observe import namespaces
from devserver.worker.warm.trees import walk

_NAMED = re.compile("pid|proc|fork|owner|parent|creat", re.IGNORECASE)
"""Parts of the names under which installed modules keep it."""
_ASKS = frozenset(("getpid", "pid", "current_process", "ident"))
"""Names in code that may have got it."""


def place(module: ModuleType, pid: int, trees: Collection[CodeType], *, own: bool) -> str:
    """Return where a module keeps `pid`, "" if nowhere.

    `trees` is the code of the app's own module: a number that stands in code which does not ask for it is a
    constant. In an installed module the name decides, in an own one whose code is not known any place counts.
    """
    found = namespaces.pids(module, pid)
    if not found:
        return ""
    if not own:
        return next((each for each in found if _NAMED.search(each)), "")
    codes = [code for tree in trees for code in walk(tree)]
    asks = any(_ASKS.intersection(code.co_names) for code in codes)
    return "" if not asks and any(pid in code.co_consts for code in codes) else found[0]
