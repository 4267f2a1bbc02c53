"""What a Manager reports to the Master."""

from __future__ import annotations

from typing import Literal

from devserver.ipc.messages.data import TaggedMessage, Way


class Pong(TaggedMessage, frozen=True):
    """The answer to Ping."""


class ReloadAsked(TaggedMessage, frozen=True):
    """Somebody sent SIGUSR1."""


class WorkerForked(TaggedMessage, frozen=True):
    """Carries descriptors: the Master's end of the link, a pidfd, and with a terminal its master side."""

    worker: int
    slot: int
    generation: int
    pid: int
    fork_ms: float = 0.0
    way: Way = "boot"
    functions: int = 0
    """How many function bodies were exchanged."""
    why: str = ""
    """Why no shorter way was taken, if there is something to say."""


class Retire(TaggedMessage, frozen=True):
    """Give this Worker nothing more and tell it to leave when it is idle."""

    worker: int


class WorkerGone(TaggedMessage, frozen=True):
    """`status` is as os.waitpid gives it; `stack` a dump of its threads if it was ended at a time limit."""

    worker: int
    slot: int
    generation: int
    pid: int
    status: int
    stack: str = ""
    verdict: str = ""
    """Why the Manager ended it, if it did: `boot timeout`, `drain limit`, `stop timeout`, `dropped` …"""


class RollDone(TaggedMessage, frozen=True):
    """Every slot runs `generation`."""

    generation: int


class ManagerNotice(TaggedMessage, frozen=True):
    """A sentence of the Manager's for the user."""

    level: Literal["info", "warning", "error"]
    text: str
    detail: str = ""
