"""Values that messages carry, and the base of all messages."""

from __future__ import annotations

from typing import Literal

import msgspec

Handover = Literal["overlap", "exclusive"]


Transport = Literal["tcp", "uds", "websocket"]


Peer = tuple[str, int]


JobKind = Literal["connect", "receive", "close"]


LoopChoice = Literal["auto", "asyncio", "uvloop"]


AppKind = Literal["", "asgi", "wsgi"]


Way = Literal["boot", "copy", "swap"]
"""How a Worker got its code: it ran all of it, or was copied from an image (docs/WARM.md)."""


Headers = list[tuple[bytes, bytes]]


class TaggedMessage(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


class Source(msgspec.Struct, frozen=True, array_like=True):
    """One own module of a snapshot. `source` None: the file is absent. `code` is marshalled, if known."""

    path: str
    digest: bytes
    source: bytes | None
    code: bytes | None = None


class OpenedFile(msgspec.Struct, frozen=True, array_like=True):
    """An own file (its real path) that the app runs or reads by itself; digest b"": it did not exist."""

    path: str
    digest: bytes
    executed: bool


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route of the app's, or a handler (without a path).

    No `methods`: any, or the framework does not show them. `endpoint` is the dotted name of what is
    called; `file` and `line` are where a function is defined.
    """

    path: str
    kind: Literal["http", "websocket", "mount", "handler"]
    methods: tuple[str, ...] = ()
    name: str = ""
    endpoint: str = ""
    file: str = ""
    line: int = 0


class Target(msgspec.Struct, frozen=True, array_like=True):
    """What a Worker loads: `module` (dotted) found on `search`, and the attribute in it, if one was named."""

    module: str
    search: tuple[str, ...]
    attribute: str = ""
    path: str = ""
    """The file that was named, if one was."""
    argv: tuple[str, ...] = ()
    """The rest of sys.argv after the app's own name."""
    factory: bool = False
    """Call the attribute: the app is what it returns."""
    settings: str = ""
    """Django's settings module: the app is the project's, and `module` is only where it was found."""


class DebugServer(msgspec.Struct, frozen=True, array_like=True):
    """Where debugpy's adapter waits for Workers: `pid` is the process whose children they count as.

    `folder` is where debugpy is found.
    """

    host: str
    port: int
    tokens: tuple[str | None, str | None]
    """The server's, and the client's."""
    pid: int
    folder: str


class WorkerSettings(msgspec.Struct, frozen=True, array_like=True):
    """The settings of every Worker of a run: one value from the Master's options to the boot."""

    target: Target
    root: str
    loop: LoopChoice = "auto"
    threads: int = 1
    """For a WSGI app."""
    access_log: bool = True
    notes: bool = False
    """Workers report what they import, for preloading."""
    warm: bool = False
    """Workers that boot fully leave an image of themselves."""
    env_file: str = ""
    """Instead of the .env in `root`."""
    log_level: str = ""
    log_config: str = ""
    """A file for logging.config, in JSON, YAML or INI."""
    debug_server: DebugServer | None = None
    folder: str = ""
    """The working folder in which the Workers start; "": the Manager's."""


How = Literal["debugger", "question", "elsewhere"]
"""The kind of a prompt. `elsewhere`: a debugger that reads from a socket and not from the terminal."""


class ConnectionRow(msgspec.Struct, frozen=True, array_like=True):
    connection: int
    peer: Peer
    transport: Transport
    state: bytes


class Scope(msgspec.Struct, frozen=True, array_like=True):
    """A request or WebSocket: the part of its ASGI scope that a message can carry.

    `resumed` is the generation that continues it, 0 where it begins.
    """

    type: Literal["http", "websocket"]
    http_version: str
    method: str
    scheme: str
    path: str
    raw_path: bytes
    query_string: bytes
    root_path: str
    headers: Headers
    client: Peer | None
    server: tuple[str, int | None] | None
    subprotocols: list[str] = []
    resumed: int = 0
