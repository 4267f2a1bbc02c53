"""Finds the line of the app's code for a failed system check of Django.

Laws: the result of Django's check is never changed. If the app's line is not known, no line is reported.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from devserver.common.foreign import is_foreign


def explained(error: Exception, messages: Iterable[Any], is_silenced: Callable[[Any], bool]) -> None:
    """Set a SystemCheckError's text to the serious `messages`, and its place to the first that has one."""
    serious = [each for each in messages if each.is_serious() and not is_silenced(each)]
    if not serious:
        return
    error.args = ("\n".join(map(str, serious)),)
    place = next((found for each in serious if (found := place_of(each.obj))), None)
    if place is not None:
        named: Any = error
        named.filename, named.lineno = place


def place_of(subject: Any) -> tuple[str, int] | None:
    """Return file and line of the object that a check reports: a model's field, a model or another class."""
    model, name = getattr(subject, "model", None), getattr(subject, "name", None)
    owner = next((each for each in (model, subject) if isinstance(each, type)), type(subject))
    try:
        file = inspect.getsourcefile(owner)
        lines, first = inspect.getsourcelines(owner)
    except (OSError, TypeError):  # a built-in, or created at run time
        return None
    if file is None or is_foreign(file):
        return None
    if isinstance(name, str) and owner is model:
        assigned = re.compile(rf"\s+{re.escape(name)}\s*(:[^=]*)?=")
        first += next((at for at, line in enumerate(lines) if assigned.match(line)), 0)
    return file, first
