"""Managers and Workers: how they start and exit, and what they do in between."""

from __future__ import annotations

from typing import Literal

from devserver.common.events.base import EventBase


class ManagerStarted(EventBase, frozen=True, kw_only=True):
    """`standby`: it is prepared for the next reload; another Manager serves."""

    pid: int
    standby: bool = False


class ManagerExited(EventBase, frozen=True, kw_only=True):
    pid: int
    reason: str


class Preloaded(EventBase, frozen=True, kw_only=True):
    """A Manager has imported `modules` in `ms`: the next Workers have them. `left_out`: names and reasons."""

    modules: int
    ms: float
    cold_ms: float = 0.0
    """How long the app's import takes without them."""
    left_out: tuple[tuple[str, str], ...] = ()
    ended: str = ""
    """Why later modules are not preloaded, "" if they are."""


class ImageState(EventBase, frozen=True, kw_only=True):
    """Whether there is an image of the live code: changes can be swapped in its copies (docs/WARM.md)."""

    exists: bool


class WorkerStarted(EventBase, frozen=True, kw_only=True):
    """A Worker was forked; it is booting."""

    worker: int
    slot: int
    generation: int
    pid: int
    way: str = "boot"
    """`boot`: it imports everything; `copy`, `swap`: it was forked from an image (docs/WARM.md)."""


class Booting(EventBase, frozen=True, kw_only=True):
    """A Worker has been starting for `seconds`: the package that it imports, and the app's line that does.

    No `module`: it imports nothing now, or that is not known. No `path`: the line is not known.
    """

    worker: int
    generation: int
    seconds: float
    module: str = ""
    path: str = ""
    line: int = 0


class WorkerReady(EventBase, frozen=True, kw_only=True):
    """`docs` is the path at which the app documents its API; `logs_requests`: it logs each by itself."""

    worker: int
    generation: int
    docs: str = ""
    logs_requests: bool = False


class WorkerRetiring(EventBase, frozen=True, kw_only=True):
    """The Worker gets no new work; it exits when its jobs are finished."""

    worker: int


class WorkerExited(EventBase, frozen=True, kw_only=True):
    """`reason` is how it ended: `exit 0`, `SIGKILL` … `planned`: it was ordered to exit, or has reported why
    it cannot serve.
    """

    worker: int
    slot: int
    generation: int
    pid: int
    reason: str
    planned: bool


class WorkerLoad(EventBase, frozen=True, kw_only=True):
    """What a Worker does: jobs it runs now, jobs it has finished, resident memory in bytes."""

    worker: int
    running: int
    handled: int
    memory: int


class Output(EventBase, frozen=True, kw_only=True):
    """What a Worker's process wrote to its terminal (only where it has one of its own)."""

    worker: int
    text: str


class Debugging(EventBase, frozen=True, kw_only=True):
    """A prompt in the Worker waits for keys, or (`active` false) no longer does.

    `what` is the job. The console answers the prompt, unless it is a debugger `elsewhere`, over a socket.
    """

    worker: int
    active: bool
    path: str = ""
    line: int = 0
    what: str = ""
    how: Literal["debugger", "question", "elsewhere"] = "debugger"
