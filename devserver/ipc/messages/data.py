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


Way = Literal["boot", "copy", "swap", "re-run"]
"""How a Worker came to its code: by running all of it, or from an image (docs/WARM.md)."""


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
    """An own file (its real path) that the app runs or reads by itself; digest b"": it was not there."""

    path: str
    digest: bytes
    executed: bool


class Target(msgspec.Struct, frozen=True, array_like=True):
    """What a Worker loads: `module` (dotted) found on `search`, and the attribute in it, if one was named."""

    module: str
    search: tuple[str, ...]
    attribute: str = ""
    path: str = ""
    """The file that was named, if one was."""
    argv: tuple[str, ...] = ()
    """What the app finds in sys.argv after its own name."""
    factory: bool = False
    """The attribute is to be called: what it returns is the app."""
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
    """What every Worker of a run is given, as one value from the Master's options to its boot."""

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
    """The working folder of the Workers, as it is when they start; empty: the Manager's."""


How = Literal["debugger", "question", "elsewhere"]
"""What stands at a prompt; a debugger that is answered `elsewhere`, over a socket, reads no terminal."""


class ConnectionRow(msgspec.Struct, frozen=True, array_like=True):
    connection: int
    peer: Peer
    transport: Transport
    state: bytes


class Scope(msgspec.Struct, frozen=True, array_like=True):
    """A request or WebSocket as ASGI's scope has it, as far as it can travel.

    `resumed` is the generation that goes on with it, 0 where it begins.
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
