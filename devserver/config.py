"""The settings of one run: frozen, in small groups; building them does no I/O.

`cli` fills them: flags > environment (DEVSERVER_*) > [tool.devserver] in pyproject.toml > the defaults here.
Durations are seconds, sizes bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from devserver.wire.messages import LoopChoice, Target

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """A TCP address; port 0 lets the kernel choose."""

    host: str
    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ListenConfig:
    """What to listen on. Without `tcp` and `uds`: `default_tcp`, or the next free port after it."""

    tcp: tuple[Address, ...] = ()
    uds: tuple[str, ...] = ()
    default_tcp: Address = Address(host="127.0.0.1", port=9501)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessConfig:
    """The Workers and the patience with them."""

    workers: int = 2
    boot_timeout: float = 60.0
    drain: float = 600.0
    stop: float = 5.0
    handover: Literal["auto", "overlap", "exclusive"] = "auto"
    loop: LoopChoice = "auto"


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchConfig:
    """What is watched under `root`, and how long an edit may take to settle."""

    root: str
    also: tuple[str, ...] = ()
    """Globs, relative to the root, of further files whose edit reloads."""
    exclude: tuple[str, ...] = ()
    """Globs, as in .gitignore, of files and folders that are not watched."""
    poll: bool = False
    settle: float = 0.005
    settle_modified: float = 0.05
    settle_cap: float = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitsConfig:
    """Bounds on what the Master keeps; beyond them the clients are read no further."""

    connection: int = MIB
    total: int = 64 * MIB


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsoleConfig:
    """`plain`: lines even in a terminal. `events`: a path, `-` or `fd:N`; empty for none."""

    plain: bool = False
    events: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything a run needs to know."""

    target: Target
    watch: WatchConfig
    listen: ListenConfig = field(default_factory=ListenConfig)
    process: ProcessConfig = field(default_factory=ProcessConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    console: ConsoleConfig = field(default_factory=ConsoleConfig)
