"""What a Manager reports to the Master."""

from __future__ import annotations

from typing import Literal

from devserver.ipc.messages.data import TaggedMessage, Way

LEFT = "left to another Manager: "
"""Begins the verdict on a candidate that no image can be turned into."""


class Pong(TaggedMessage, frozen=True):
    """The answer to Ping."""


class ReloadRequested(TaggedMessage, frozen=True):
    """The Manager has received SIGUSR1."""


class WorkerForked(TaggedMessage, frozen=True):
    """A Worker was forked. Carries the Master's end of the link, a pidfd, and a terminal's master if any."""

    worker: int
    slot: int
    generation: int
    pid: int
    fork_ms: float = 0.0
    way: Way = "boot"
    functions: int = 0
    """How many function bodies were exchanged."""
    constants: int = 0
    """How many names were bound to other values."""
    why: str = ""
    """Why no shorter way was taken, "" if there is no reason to report."""


class Retire(TaggedMessage, frozen=True):
    """Give this Worker no further job, and order it to drain."""

    worker: int


class WorkerGone(TaggedMessage, frozen=True):
    """A Worker has exited. `status` is as os.waitpid returns it; `stack`: its threads at a time limit."""

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


class StillBooting(TaggedMessage, frozen=True):
    """A Worker has been booting for `seconds`: the package that it imports, and the app's line that does."""

    worker: int
    generation: int
    seconds: float
    module: str = ""
    path: str = ""
    line: int = 0


class ImageState(TaggedMessage, frozen=True):
    """Whether there is an image that Workers may be copied from, or one may come. Sent when that changes."""

    state: Literal["exists", "awaited", "none"]


class ManagerNotice(TaggedMessage, frozen=True):
    """A sentence for the user."""

    level: Literal["info", "warning", "error"]
    text: str
    detail: str = ""
