"""What the Master says: orders to a Manager and to a Worker, but for streams and preloading."""

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
    """The first message: what to fork, and how patient to be (seconds; `boot_timeout` 0: for ever).

    `slots` 0: as many as suit what the live code serves.
    """

    worker: WorkerSettings
    slots: int
    first_worker: int
    terminal: bool
    boot_timeout: float
    drain: float
    first_boot: bool = True


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
    """Why everything has to be imported, "" if an image may do."""


class Drop(TaggedMessage, frozen=True):
    """Forget the candidate `generation`: end its Workers."""

    generation: int


class Loaded(TaggedMessage, frozen=True):
    """A Worker read `source` from the disk: it belongs to the snapshot of `generation` from now on."""

    worker: int
    generation: int
    source: Source


class BootDone(TaggedMessage, frozen=True):
    """The app is imported and started. Passed on to the Manager, it says that the Master accepts the Worker.

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
    """Somebody hears what is logged of each request."""


class WorkerIdle(TaggedMessage, frozen=True):
    """A Worker of an older generation has finished all it had."""

    worker: int


class LeaveWithin(TaggedMessage, frozen=True):
    """A retiring Worker has no unit in hand: end it if it has not exited in `seconds`.

    `held`: what keeps it is not work; else it is output that clients have yet to read.
    """

    worker: int
    seconds: float
    held: bool = True


class Stop(TaggedMessage, frozen=True):
    """Retire every Worker, then leave; after `deadline` seconds kill what is left. 0: kill now."""

    deadline: float


class StandDown(TaggedMessage, frozen=True):
    """Start nothing more; let every Worker finish, within the drain limit, then leave."""


class Ping(TaggedMessage, frozen=True):
    """Answer with Pong, once all that came before has been carried out."""


class Handle(TaggedMessage, frozen=True):
    """Run one handler. `state` is msgpack; `window` is how many bytes may be sent before credit is due."""

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
    """The answer to ConnectionsAsked."""

    request: int
    rows: tuple[ConnectionRow, ...]


class Leave(TaggedMessage, frozen=True):
    """Finish what runs, run `on_worker_stop` and atexit, exit.

    `patience`: seconds for tasks that units have begun and left behind.
    """

    patience: float = 0.0
