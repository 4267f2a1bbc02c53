"""The fleet's events and commands: frozen values, so that a test reads as a script of both."""

from __future__ import annotations

from msgspec import Struct

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


class Forked(Struct, frozen=True):
    """The Worker runs as process `pid`."""

    worker: int
    pid: int
    fork_ms: float = 0.0
    way: Way = "boot"
    functions: int = 0
    constants: int = 0


class ForkFailed(Struct, frozen=True):
    """The kernel refused a new process."""

    worker: int
    reason: str


class Exited(Struct, frozen=True):
    """The Worker was reaped; `status` is as os.waitpid gives it."""

    worker: int
    status: int


class StackRead(Struct, frozen=True):
    """The stacks of the Worker's threads when DumpStack reached it; empty if it never did."""

    worker: int
    text: str


class GroupGone(Struct, frozen=True):
    """The process group of a reaped Worker is empty."""

    worker: int


class ImageCame(Struct, frozen=True):
    """A Worker has left an image: process `pid`, which knows these files (path → digest)."""

    worker: int
    pid: int
    holds: dict[str, bytes]


class ImageGone(Struct, frozen=True):
    """The Worker has left no image, or its image has exited. `own_ms`: how long it imported own modules."""

    worker: int
    reason: str = ""
    own_ms: float | None = None


class CopyFailed(Struct, frozen=True):
    """The image cannot make the copy that was ordered."""

    worker: int
    reason: str


class Elapsed(Struct, frozen=True):
    """Time has passed, nothing else."""


Order = Reload | Drop | Loaded | BootDone | WorkerIdle | LeaveWithin | DebuggerState | StandDown | Stop
"""What the Master orders."""

Fact = Forked | ForkFailed | Exited | StackRead | GroupGone | ImageCame | ImageGone | CopyFailed | Elapsed
"""What the kernel and the images report."""

Event = Order | Fact


class Fork(Struct, frozen=True):
    """Start a Worker; Forked or ForkFailed follows.

    `image`: copy the image that this Worker has left, with `changes`; then CopyFailed may follow, too.
    `records`: a Worker that boots fully records what it imports, and may leave an image.
    """

    worker: int
    slot: int
    generation: int
    image: int = 0
    changes: tuple[Source, ...] = ()
    records: bool = True


class ForkAhead(Struct, frozen=True):
    """Fork a process that the next Fork without an image may take; no fact follows."""

    generation: int
    """Its snapshot is likely to be nearly that of the next Worker."""


class EndImage(Struct, frozen=True):
    """Kill an image; ImageGone follows."""

    worker: int


class SendToImage(Struct, frozen=True):
    """Send an image a file."""

    worker: int
    source: Source


class PrepareImage(Struct, frozen=True):
    """Let an image get ready to be copied; ImageCame or ImageGone follows."""

    worker: int


class Signal(Struct, frozen=True):
    """Send `signum` to a Worker or to its process group. 0 only checks that a process exists."""

    worker: int
    signum: int
    group: bool = False


class DumpStack(Struct, frozen=True):
    """Make the Worker dump the stacks of its threads."""

    worker: int


class ReadStack(Struct, frozen=True):
    """Read the dump of DumpStack; StackRead follows."""

    worker: int


class SendToMaster(Struct, frozen=True):
    """Send a message to the Master."""

    message: FromManager


Command = (
    Fork | ForkAhead | EndImage | SendToImage | PrepareImage | Signal | DumpStack | ReadStack | SendToMaster
)
