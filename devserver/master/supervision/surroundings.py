"""Compares what apps had set when they were ready, and cuts notes where that cannot be reproduced: pure."""

from __future__ import annotations

from typing import Any

import msgspec

from devserver.ipc.messages import Imported

IMPORTS, LOGGERS, ROOT = "what imports find", "the configuration of loggers", "the root logger"
"""Names of conditions, as in worker/observe/conditions.py."""


def variables_changed(then: Imported, now: Imported) -> set[str]:
    """Return the variables that are set differently."""
    before = then.surroundings[then.last].environment
    return {name for name, _ in before.items() ^ now.surroundings[now.last].environment.items()}


def conditions_changed(then: Imported, now: Imported) -> dict[str, Any]:
    """Return the conditions that differ, as they are now.

    The condition of what imports find counts only if the app had not altered it then.
    """
    before, after = then.surroundings[then.last].conditions, now.surroundings[now.last].conditions
    return {
        name: after[name]
        for name in before.keys() & after.keys()
        if before[name] != after[name] and not (name == IMPORTS and before[name])
    }


def holds(imported: Imported, conditions: dict[str, Any]) -> set[str]:
    """Return the names of those conditions that held when this Worker was ready."""
    now = imported.surroundings[imported.last].conditions
    return {name for name, value in conditions.items() if now.get(name) == value}


def cut(imported: Imported, names: set[str]) -> Imported:
    """Return the notes up to where the app first changed one of these conditions, and that as the reason."""
    names = {ROOT if name == LOGGERS else name for name in names}
    if not imported.notes or not names:
        return imported
    start = imported.surroundings[0].conditions
    for count, note in enumerate(imported.notes):
        now = imported.surroundings[note.surroundings].conditions
        if changed := sorted(name for name in names if now.get(name) != start.get(name)):
            reason = f"the app has changed {changed[0]}"
            return msgspec.structs.replace(imported, notes=imported.notes[:count], reason=reason)
    return imported


def cut_before(imported: Imported, without: dict[str, str]) -> Imported:
    """Return the notes before the last module that was found unfit: those are known to be fit.

    `without` are the unfit modules, in the order in which they were found, with the reasons.
    """
    names = [note.name for note in imported.notes]
    last = next((name for name in reversed(without) if name in names), "")
    fit = imported.notes[: names.index(last)] if last else ()
    if all(note.name in without for note in fit):
        fit = ()
    return msgspec.structs.replace(imported, notes=fit, reason=f"{last} {without.get(last, '')}")
