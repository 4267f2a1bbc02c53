"""The one audit hook of a Worker: an event without a listener costs one look into a table.

Laws: a hook cannot be removed, a listener can. Listeners raise nothing: an error would reach the app.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]
"""Gets the event and its arguments. The frame that has raised the event is two above its own."""

_listeners: dict[str, tuple[Listener, ...]] = {}
_installed: list[bool] = []


def listen(events: Iterable[str], listener: Listener) -> Callable[[], None]:
    """Call `listener` at each of these events; return what ends that."""
    names = tuple(events)
    for name in names:
        _listeners[name] = (*_listeners.get(name, ()), listener)
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_make_hook())

    def stop() -> None:
        for name in names:
            left = tuple(each for each in _listeners.get(name, ()) if each != listener)
            if left:
                _listeners[name] = left
            else:
                _listeners.pop(name, None)

    return stop


def _make_hook() -> Listener:
    listeners_of = _listeners.get

    def hook(event: str, args: tuple[Any, ...]) -> None:
        listeners = listeners_of(event)
        if listeners is not None:
            for listener in listeners:
                listener(event, args)

    return hook
