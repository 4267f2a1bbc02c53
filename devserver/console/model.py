"""The console's model: a value that is built from the events and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from devserver.common import events
from devserver.common.events import Listener
from devserver.common.failure import Failure
from devserver.console.requests import Traffic

State = Literal["booting", "idle", "busy", "retiring"]
Status = Literal["starting", "live", "reloading", "refused", "stopping", "stopped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """The Master or a Manager."""

    pid: int
    started: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """`memory` is in bytes (0: not known yet), `started` Unix time."""

    worker: int
    slot: int
    generation: int
    pid: int
    started: float
    state: State = "booting"
    handled: int = 0
    memory: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """The last reload, in ms."""

    edit: int
    steps: Mapping[str, float]
    total: float
    paths: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Error:
    """Why the newest code does not run."""

    edit: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Save:
    """A save that has not settled: since when (Unix time), and of which files."""

    since: float
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LastFailure:
    """The newest failure of the live code."""

    name: str
    """`GET /boom`, or nothing."""
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A prompt in a Worker: where, in which job, since when (Unix time)."""

    worker: int
    since: float
    path: str = ""
    line: int = 0
    what: str = ""
    how: Literal["debugger", "question", "elsewhere"] = "debugger"


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """Everything that the dashboard shows."""

    target: str = ""
    root: str = ""
    master: Process | None = None
    managers: tuple[Process, ...] = ()
    workers: Mapping[int, Worker] = field(default_factory=dict)
    """By number, in the order of their start."""
    prompts: Mapping[int, Prompt] = field(default_factory=dict)
    """By the number of the Worker."""
    listeners: tuple[Listener, ...] = ()
    network: tuple[str, ...] = ()
    """This machine's addresses in the network, if listeners are open to it."""
    docs: str = ""
    """The path at which the app documents its API."""
    logs_requests: bool = False
    """The app logs its requests by itself."""
    editor: str = ""
    """The template of links to files."""
    hidden: tuple[str, ...] = ()
    """Globs of paths whose requests are hidden."""
    unknown_key: bool = False
    """The last key has no meaning."""
    connections: int = 0
    waiting: int = 0
    generation: int = 0
    """The live one; 0: none yet."""
    lives: Mapping[int, float] = field(default_factory=dict)
    """When each of the last generations went live (Unix time)."""
    pending: Mapping[int, Save] = field(default_factory=dict)
    """Edits that are neither live nor refused yet."""
    booting: events.Booting | None = None
    """The progress of the last slow start."""
    timeline: Timeline | None = None
    error: Error | None = None
    traffic: Traffic = field(default_factory=Traffic)
    """Of the live code."""
    last_failure: LastFailure | None = None
    stopping: str = ""
    """The reason, once the server stops."""
    exit_code: int | None = None

    @property
    def status(self) -> Status:
        if self.exit_code is not None:
            return "stopped"
        if self.stopping:
            return "stopping"
        if self.pending:
            return "reloading"
        if self.error:
            return "refused"
        return "live" if self.generation else "starting"

    @property
    def is_new(self) -> bool:
        """Return whether no generation was live or refused yet."""
        return not self.generation and self.error is None
