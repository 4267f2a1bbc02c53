"""What a Worker reports to the Master, which passes some of it to the Manager."""

from __future__ import annotations

from devserver.common.failure import Failure, Frame
from devserver.ipc.messages.data import How, OpenedFile, Route, TaggedMessage


class Used(TaggedMessage, frozen=True):
    """A Worker uses these own files (real paths) from its snapshot, and so did not read them.

    A path that ends in a separator is a folder that an import has looked into.
    """

    worker: int
    generation: int
    paths: tuple[str, ...]


class Opened(TaggedMessage, frozen=True):
    """A Worker has run these files, or read them as source, from the disk and not from a snapshot."""

    worker: int
    generation: int
    files: tuple[OpenedFile, ...]


class Creates(TaggedMessage, frozen=True):
    """A booting Worker creates a file. The message is sent first before the file exists, without a digest.

    Soon after, it is sent again with the digest of what the Worker has written; b"": unknown.
    """

    worker: int
    generation: int
    path: str
    digest: bytes | None = None


class BootFailed(TaggedMessage, frozen=True):
    """The app could not be imported or started; the Worker exits next."""

    worker: int
    generation: int
    failure: Failure
    paths: tuple[str, ...] = ()
    """Own files that took part in the failure: a change of one of them is worth a new try."""
    uninstalled: bool = False
    """The missing module is not own: an installation is worth a new try."""


class RoutesRead(TaggedMessage, frozen=True):
    """The app's routes. `note` is a sentence on what is missing, and why, or empty."""

    routes: tuple[Route, ...]
    note: str = ""


class Send(TaggedMessage, frozen=True):
    """Bytes for a connection. `more`: the next Send continues the message; nothing may come between."""

    connection: int
    data: bytes
    more: bool = False


class Broadcast(TaggedMessage, frozen=True):
    """Bytes for every connection except those in `exclude`."""

    data: bytes
    exclude: tuple[int, ...] = ()


class Close(TaggedMessage, frozen=True):
    """Close a connection once all that was sent to it has left."""

    connection: int


class ConnectionsRequested(TaggedMessage, frozen=True):
    request: int


class Handled(TaggedMessage, frozen=True):
    """A job is finished. `state`: the connection's new state (msgpack), None if it is unchanged.

    `failure`: the handler raised.
    """

    job: int
    state: bytes | None = None
    failure: Failure | None = None


class Failed(TaggedMessage, frozen=True):
    """Code of the app raised outside a job."""

    failure: Failure


class Leaving(TaggedMessage, frozen=True):
    """No job is in hand, nor any task that a job has started: the app's shutdown follows.

    `threads` are those that the interpreter waits for at its exit, by ident and name. `unsent`: slow clients
    have to read first what was sent to them.
    """

    threads: tuple[tuple[int, str], ...] = ()
    unsent: bool = False


class TasksCancelled(TaggedMessage, frozen=True):
    """A draining Worker has cancelled these tasks: where each was, its coroutine as `function`.

    `in_hand`: they were jobs; else jobs, or the start-up, have started them and left them running.
    """

    tasks: tuple[Frame, ...]
    in_hand: bool = False


class DebuggerState(TaggedMessage, frozen=True):
    """A prompt of the Worker waits for the user, or has ended: time limits stand still meanwhile.

    The Master passes it to the Manager, and sends it back once all others have it. Until then the Worker
    prints nothing more. `what` is the job; `blocks`: the Worker does nothing else.
    """

    active: bool
    worker: int = 0
    path: str = ""
    line: int = 0
    what: str = ""
    how: How = "debugger"
    blocks: bool = False
