"""The settings of one run: frozen, in small groups; building them does no I/O.

`cli` fills them: flags > environment (DEVSERVER_*) > [tool.devserver] in pyproject.toml > the defaults here.
Durations are seconds, sizes bytes.
"""

from __future__ import annotations

import os
from typing import Literal

from msgspec import Struct, field

from devserver.common import gutter
from devserver.common.console_settings import Notify
from devserver.ipc.messages import LoopChoice, Target

MIB = 1024 * 1024
LEAST_EXIT = 1.0


class Address(Struct, frozen=True, kw_only=True):
    """A TCP address; port 0 lets the kernel choose."""

    host: str
    port: int


class ListenConfig(Struct, frozen=True, kw_only=True):
    """What to listen on; each kind for itself.

    A named address is opened as named. A kind without one gets its default, or the next free port after it.
    With a Unix socket there are no defaults: the socket takes HTTP and the handlers' frames alike.
    """

    http: tuple[Address, ...] = ()
    tcp: tuple[Address, ...] = ()
    uds: tuple[str, ...] = ()
    default_http: Address = Address(host="127.0.0.1", port=8000)
    default_tcp: Address = Address(host="127.0.0.1", port=9501)
    certfile: str = ""
    """With a certificate, the HTTP listeners speak HTTPS."""
    keyfile: str = ""
    """Empty: the key is in `certfile`."""


class HttpConfig(Struct, frozen=True, kw_only=True):
    """HTTP's settings, and what happens to open streams and WebSockets when new code goes live."""

    root_path: str = ""
    proxy_headers: bool = True
    forwarded_allow_ips: str = ""
    """Whose proxy headers are believed; empty: those of $FORWARDED_ALLOW_IPS, else of 127.0.0.1 and ::1."""
    host: str = "127.0.0.1"
    """The value of --host: the check of Host accepts this name."""
    index: str = ""
    """The page at `/` of a module that has handlers and no app; it need not exist."""
    allow_hosts: tuple[str, ...] = ()
    """Globs of further names that the check of Host accepts."""
    websockets: Literal["resume", "close"] = "resume"
    streams: Literal["resume", "close"] = "resume"
    browser_reload: bool = True
    """Pages that browsers open get a script that refreshes them after a save."""
    error_page: bool = True
    """If the app raises and has no error page, a local browser gets ours, with the source."""
    stream_limit: float = 10.0
    """How long the old code may go on with an event stream that has no ids."""


class ProcessConfig(Struct, frozen=True, kw_only=True):
    """The Workers and their time limits."""

    workers: int = 0
    """0: one for an app, which may keep state in memory; two for handlers, so that one may block."""
    threads: int = 10
    """Of a WSGI app; a2wsgi's own default. A few slow requests do not block the others."""
    access_log: bool = True
    preload: Literal["auto", "off"] = "auto"
    preload_exclude: tuple[str, ...] = ()
    """Globs of modules that each Worker imports by itself."""
    warm: Literal["auto", "off"] = "auto"
    """Fork Workers from an image of the imported app, where the result equals a boot."""
    boot_timeout: float = 60.0
    drain: float = 600.0
    stop: float = 5.0
    env_file: str = ""
    """Instead of the .env in the root: a path."""
    log_level: str = ""
    """Of uvicorn's loggers; empty: info."""
    log_config: str = ""
    handover: Literal["auto", "overlap", "exclusive"] = "auto"
    loop: LoopChoice = "auto"

    @property
    def exit(self) -> float:
        """Return the seconds that an idle Worker gets for its shutdown, however short a stop may be."""
        return max(self.stop, LEAST_EXIT)


class WatchConfig(Struct, frozen=True, kw_only=True):
    """What is watched under `root`, and how long an edit may take to settle."""

    root: str
    also: tuple[str, ...] = ()
    """Globs, relative to the root, of further files whose edit reloads."""
    assets: tuple[str, ...] = ()
    """Globs, relative to the root, of further files that only browsers show: they replace no Worker."""
    exclude: tuple[str, ...] = ()
    """Globs, as in .gitignore, of files and folders that are not watched."""
    further: tuple[str, ...] = ()
    """Further folders that are watched as the root is; their real paths."""
    settings: tuple[str, ...] = ()
    """Files, wherever they lie, whose edit reloads."""
    poll: bool = False
    settle: float = 0.002
    settle_modified: float = 0.05
    settle_cap: float = 0.3


class LimitsConfig(Struct, frozen=True, kw_only=True):
    """Bounds on what the Master keeps. Beyond those in bytes it stops reading from the clients."""

    connection: int = MIB
    total: int = 64 * MIB
    waiting: int = 10_000
    """Requests that wait for a Worker; beyond that they are answered with 503."""


class ConsoleConfig(Struct, frozen=True, kw_only=True):
    """`plain`: lines even in a terminal. `events`: a path, `-` or `fd:N`; empty for none.

    `draws` is detected at the start: the console draws, and shows requests by itself. `editor` is a template
    of links to files, None: guess it. `hidden`: globs of paths whose requests are shown only if they failed.
    """

    plain: bool = False
    draws: bool = False
    events: str = ""
    editor: str | None = None
    hidden: tuple[str, ...] = ()
    notify: Notify = "off"


class Config(Struct, frozen=True, kw_only=True):
    """All settings of a run."""

    target: Target
    watch: WatchConfig
    listen: ListenConfig = field(default_factory=ListenConfig)
    http: HttpConfig = field(default_factory=HttpConfig)
    process: ProcessConfig = field(default_factory=ProcessConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    console: ConsoleConfig = field(default_factory=ConsoleConfig)
    control: bool = True
    """Whether commands are answered over a control socket."""

    @property
    def name(self) -> str:
        """Return the target as the user would name it."""
        target = self.target
        name = os.path.relpath(target.path) if target.path else target.module
        return f"{name}:{target.attribute}" if target.attribute else name

    @property
    def margin(self) -> int:
        """Return the columns by which the Workers' terminals are narrower than the user's."""
        return gutter.width(self.process.workers or 2) if self.console.draws else 0
