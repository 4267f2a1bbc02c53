"""The fleet's events and commands: frozen values, so that a test reads as a script of both."""

from __future__ import annotations

from dataclasses import dataclass

from devserver.ipc.messages import (
    BootDone,
    DebuggerState,
    Drop,
    FromManager,
    LeaveWithin,
    Loaded,
    Reload,
    Source,
    StandDown,
    Stop,
    Way,
    WorkerIdle,
)


@dataclass(frozen=True, slots=True)
class Forked:
    """The Worker runs as process `pid`."""

    worker: int
    pid: int
    fork_ms: float = 0.0
    way: Way = "boot"
    functions: int = 0


@dataclass(frozen=True, slots=True)
class ForkFailed:
    """The kernel refused a new process."""

    worker: int
    reason: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The Worker was reaped; `status` is as os.waitpid gives it."""

    worker: int
    status: int


@dataclass(frozen=True, slots=True)
class StackRead:
    """The stacks of the Worker's threads when DumpStack reached it; empty if it never did."""

    worker: int
    text: str


@dataclass(frozen=True, slots=True)
class GroupGone:
    """The process group of a reaped Worker is empty."""

    worker: int


@dataclass(frozen=True, slots=True)
class ImageCame:
    """A Worker has left an image: process `pid`, which knows these files (path → digest)."""

    worker: int
    pid: int
    holds: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class ImageGone:
    """The Worker has left no image, or its image has exited."""

    worker: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CopyFailed:
    """The image cannot make the copy that was ordered."""

    worker: int
    reason: str


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Time has passed, nothing else."""


Order = Reload | Drop | Loaded | BootDone | WorkerIdle | LeaveWithin | DebuggerState | StandDown | Stop
"""What the Master orders."""

Fact = Forked | ForkFailed | Exited | StackRead | GroupGone | ImageCame | ImageGone | CopyFailed | Elapsed
"""What the kernel and the images report."""

Event = Order | Fact


@dataclass(frozen=True, slots=True)
class Fork:
    """Start a Worker; Forked or ForkFailed follows.

    `image`: copy the image that this Worker has left, with `changes`; then CopyFailed may follow, too.
    """

    worker: int
    slot: int
    generation: int
    image: int = 0
    changes: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class EndImage:
    """Kill an image; ImageGone follows."""

    worker: int


@dataclass(frozen=True, slots=True)
class TellImage:
    """Send an image a file."""

    worker: int
    source: Source


@dataclass(frozen=True, slots=True)
class Signal:
    """Send `signum` to a Worker or to its process group. 0 only checks that a process exists."""

    worker: int
    signum: int
    group: bool = False


@dataclass(frozen=True, slots=True)
class DumpStack:
    """Make the Worker dump the stacks of its threads."""

    worker: int


@dataclass(frozen=True, slots=True)
class ReadStack:
    """Read the dump of DumpStack; StackRead follows."""

    worker: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Send a message to the Master."""

    message: FromManager


Command = Fork | EndImage | TellImage | Signal | DumpStack | ReadStack | Tell
