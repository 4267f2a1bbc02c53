"""The server as a whole: its start and stop, its listeners, and sentences for the user."""

from __future__ import annotations

from typing import Literal

import msgspec

from devserver.common.events.base import EventBase

Level = Literal["info", "warning", "error"]


class Listener(msgspec.Struct, frozen=True):
    """The address of a listener; `port` is the real one. `address` is the path of a Unix socket.

    As a string it is an URL, which terminals make clickable.
    """

    kind: Literal["http", "https", "tcp", "uds"]
    address: str
    port: int = 0

    def __str__(self) -> str:
        if self.kind == "uds":
            return f"unix:{self.address}"
        return f"{self.kind}://{f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"


class Started(EventBase, frozen=True, kw_only=True):
    """The Master is up and watching; no code is live yet."""

    version: str
    pid: int
    target: str
    root: str


class Ready(EventBase, frozen=True, kw_only=True):
    """The first generation is live: from here on requests are answered."""

    generation: int
    listeners: tuple[Listener, ...]


class Listening(EventBase, frozen=True, kw_only=True):
    """A listener was opened; `listeners` are all that are open now."""

    listeners: tuple[Listener, ...]


class Notice(EventBase, frozen=True, kw_only=True):
    """One sentence for the user."""

    level: Level
    text: str
    detail: str = ""


class Pressed(EventBase, frozen=True, kw_only=True):
    """A key was pressed that the console handles; the event goes to the console only."""

    key: str


class Stopping(EventBase, frozen=True, kw_only=True):
    reason: str


class Stopped(EventBase, frozen=True, kw_only=True):
    code: int
