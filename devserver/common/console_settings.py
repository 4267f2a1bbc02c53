"""What the console is told as it starts; free of everything, for it is read before the console has time."""

from __future__ import annotations

from typing import Literal

import msgspec

Notify = Literal["off", "bell", "osc9"]


class ConsoleSettings(msgspec.Struct, frozen=True):
    """`plain`: it draws nothing. `editor` is a template of links to files. `hidden` are globs of paths."""

    plain: bool = False
    editor: str = ""
    hidden: tuple[str, ...] = ()
    notify: Notify = "off"
