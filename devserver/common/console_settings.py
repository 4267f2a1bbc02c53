"""The console's settings at its start; imports nothing of devserver, because the console reads them first."""

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
