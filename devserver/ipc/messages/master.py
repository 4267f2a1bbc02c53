"""The Master's orders to a Manager and to a Worker, except those of streams and preloading."""

from __future__ import annotations

from devserver.common.framing import Framing, Raw
from devserver.ipc.messages.data import (
    AppKind,
    ConnectionRow,
    Handover,
    JobKind,
    Peer,
    Source,
    TaggedMessage,
    Transport,
    WorkerSettings,
)


class Configure(TaggedMessage, frozen=True):
    """The first message: what to fork, and the time limits in seconds (`boot_timeout` 0: no limit).

    `slots` 0: as many as suit what the live code serves. `margin`: by how many columns a Worker's terminal is
    narrower than the user's.
    """

    worker: WorkerSettings
    slots: int
    first_worker: int
    terminal: bool
    boot_timeout: float
    drain: float
    first_boot: bool = True
    margin: int = 0


class Reload(TaggedMessage, frozen=True):
    """Boot `generation`: the snapshot of `base` (0: empty) with `changes` applied.

    `live` (a generation that is already live, when a Manager takes over): boot every slot, no candidate.
    """

    generation: int
    base: int
    changes: tuple[Source, ...]
    handover: Handover = "overlap"
    live: bool = False
    cold: str = ""
    """Why the Worker has to boot fully, "" if it may be copied from an image."""
    elsewhere: bool = False
    """Another Manager boots it faster than this one without an image: report LEFT and the reason then."""


class Drop(TaggedMessage, frozen=True):
    """Drop the candidate `generation`, and end its Workers."""

    generation: int


class Loaded(TaggedMessage, frozen=True):
    """A Worker has read `source` from the disk: add it to the snapshot of `generation`."""

    worker: int
    generation: int
    source: Source


class BootDone(TaggedMessage, frozen=True):
    """The app is imported and started. The Master passes it to the Manager when it accepts the Worker.

    `handlers` are the names found, `capacity` is how many of them may run at once; `app_capacity` is how many
    requests. 0 is unbounded. Times in ms.
    """

    worker: int
    generation: int
    handlers: tuple[str, ...]
    framing: Framing = Raw()
    capacity: int = 1
    import_ms: float = 0.0
    start_ms: float = 0.0
    app: AppKind = ""
    app_capacity: int = 0
    docs: str = ""
    """The path at which the app documents its API."""
    logs_requests: bool = False
    """The record of each request reaches a handler of logging."""


class WorkerIdle(TaggedMessage, frozen=True):
    """A Worker of an older generation has no job in hand."""

    worker: int


class LeaveWithin(TaggedMessage, frozen=True):
    """A retiring Worker has no job in hand: end it if it has not exited in `seconds`.

    `held`: the app's shutdown keeps it; else clients that have not read its output yet.
    """

    worker: int
    seconds: float
    held: bool = True


class Stop(TaggedMessage, frozen=True):
    """Retire every Worker, then exit. After `deadline` seconds kill those that are left; 0: kill now."""

    deadline: float


class StandDown(TaggedMessage, frozen=True):
    """Start no further Worker; let every Worker drain within the drain limit, then exit."""


class Ping(TaggedMessage, frozen=True):
    """Answer with Pong once all earlier messages have been carried out."""


class Handle(TaggedMessage, frozen=True):
    """Run one handler. `state` is msgpack; `window`: bytes it may send before a ConnectionWindowUpdate."""

    job: int
    kind: JobKind
    connection: int
    peer: Peer
    transport: Transport
    state: bytes
    data: bytes
    window: int


class ConnectionWindowUpdate(TaggedMessage, frozen=True):
    """`size` more bytes may be sent to this connection."""

    connection: int
    size: int


class ConnectionTable(TaggedMessage, frozen=True):
    """The answer to ConnectionsRequested."""

    request: int
    rows: tuple[ConnectionRow, ...]


class RoutesRequested(TaggedMessage, frozen=True):
    """Read the app's routes, and answer with RoutesRead."""


class Leave(TaggedMessage, frozen=True):
    """Drain: finish the jobs in hand, run `on_worker_stop` and atexit, then exit.

    `patience`: seconds for tasks that jobs have started and left running.
    """

    patience: float = 0.0
