"""What a Worker reports to the Master; some of it reaches its Manager, too."""

from __future__ import annotations

from devserver.common.failure import Failure, Frame
from devserver.ipc.messages.data import How, OpenedFile, TaggedMessage


class Used(TaggedMessage, frozen=True):
    """A Worker uses these own files (real paths), which its snapshot had: so it did not read them.

    A path that ends in a separator is a folder that an import has looked into.
    """

    worker: int
    generation: int
    paths: tuple[str, ...]


class Opened(TaggedMessage, frozen=True):
    """A Worker has run these files, or read them as source, from the disk: no snapshot has a part in that."""

    worker: int
    generation: int
    files: tuple[OpenedFile, ...]


class Creates(TaggedMessage, frozen=True):
    """A Worker that boots makes a file that was not there. It comes before the file does, without a digest.

    Soon it comes once more, with the digest of what the Worker has put there; b"": that is not known.
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
    """Own files that took part: a fix of any of them is worth a try."""
    uninstalled: bool = False
    """A module is missing that is not the app's own: so is an installation."""


class Send(TaggedMessage, frozen=True):
    """Bytes for a connection. `more`: the message goes on in the next Send, keep others out of it."""

    connection: int
    data: bytes
    more: bool = False


class Broadcast(TaggedMessage, frozen=True):
    """Bytes for every connection but those in `exclude`."""

    data: bytes
    exclude: tuple[int, ...] = ()


class Close(TaggedMessage, frozen=True):
    """Close a connection once what was sent to it is out."""

    connection: int


class ConnectionsAsked(TaggedMessage, frozen=True):
    request: int


class Handled(TaggedMessage, frozen=True):
    """A unit is finished. `state`: the connection's new state (msgpack), None if it is unchanged.

    `failure`: the handler raised.
    """

    job: int
    state: bytes | None = None
    failure: Failure | None = None


class Failed(TaggedMessage, frozen=True):
    """Code of the app raised outside a unit."""

    failure: Failure


class Leaving(TaggedMessage, frozen=True):
    """No unit, and no task that one began, is in hand any more: what follows is the app's shutdown.

    `threads` are those that the interpreter waits for at its exit, by ident and name. `unsent`: first, slow
    clients have to read what was sent to them.
    """

    threads: tuple[tuple[int, str], ...] = ()
    unsent: bool = False


class TasksCancelled(TaggedMessage, frozen=True):
    """A Worker that leaves has cancelled these tasks: where each was, its coroutine as `function`.

    `in_hand`: they were units; else units, or the start-up, have begun them and left them behind.
    """

    tasks: tuple[Frame, ...]
    in_hand: bool = False


class DebuggerState(TaggedMessage, frozen=True):
    """Somebody stands at a prompt in the Worker, or nobody any more: nobody hurries it.

    Passed on to the Manager. The Master sends it back when all have been told: until then the Worker prints
    nothing more. `what` is the unit of work; `blocks`: the Worker does nothing else.
    """

    active: bool
    worker: int = 0
    path: str = ""
    line: int = 0
    what: str = ""
    how: How = "debugger"
    blocks: bool = False
