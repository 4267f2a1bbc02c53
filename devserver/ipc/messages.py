"""The whole language between Master, Manager and Workers.

Past facts are reports (`WorkerReady`), the rest are orders (`Retire`). Each names its `worker` (unique over
Managers) or `generation`, so that stale news is recognised. Order within one channel is kept.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from devserver.common.failure import Failure, Frame
from devserver.common.framing import Framing, Raw

Handover = Literal["overlap", "exclusive"]
Transport = Literal["tcp", "uds", "websocket"]
Peer = tuple[str, int]
JobKind = Literal["connect", "receive", "close"]
LoopChoice = Literal["auto", "asyncio", "uvloop"]
AppKind = Literal["", "asgi", "wsgi"]
Way = Literal["boot", "copy", "swap", "re-run"]
"""How a Worker came to its code: by running all of it, or from an image (docs/WARM.md)."""
Headers = list[tuple[bytes, bytes]]


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


class Source(msgspec.Struct, frozen=True, array_like=True):
    """One own module of a snapshot. `source` None: the file is absent. `code` is marshalled, if known."""

    path: str
    digest: bytes
    source: bytes | None
    code: bytes | None = None


class OpenedFile(msgspec.Struct, frozen=True, array_like=True):
    """An own file (its real path) that the app runs or reads by itself; digest b"": it was not there."""

    path: str
    digest: bytes
    executed: bool


class Target(msgspec.Struct, frozen=True, array_like=True):
    """What a Worker loads: `module` (dotted) found on `search`, and the attribute in it, if one was named."""

    module: str
    search: tuple[str, ...]
    attribute: str = ""
    path: str = ""
    """The file that was named, if one was."""
    argv: tuple[str, ...] = ()
    """What the app finds in sys.argv after its own name."""
    factory: bool = False
    """The attribute is to be called: what it returns is the app."""
    settings: str = ""
    """Django's settings module: the app is the project's, and `module` is only where it was found."""


class Surroundings(msgspec.Struct, frozen=True, array_like=True):
    """What a module could see at its import that a Manager does not have by itself.

    `environment`: the variables that differ from the start, None for one that is gone.
    """

    environment: dict[str, str | None] = {}
    path: tuple[str, ...] | None = None
    """sys.path, None: as at the start."""
    argv: tuple[str, ...] | None = None
    """sys.argv, likewise."""
    conditions: dict[str, Any] = {}
    """What else there is of the process, by its name in worker/conditions.py; at the end with a few more."""


class ModuleNote(msgspec.Struct, frozen=True, array_like=True):
    """One module that is not the app's own, as a Worker imported it."""

    name: str
    origin: str
    """Its file, or `built-in` or `frozen`."""
    surroundings: int = 0
    """Which entry of the table that comes with the notes."""
    values: bytes | None = None
    """Four bytes for each value in its namespace after the import, sorted; None: it is not known."""
    pids: tuple[str, ...] = ()
    """Where in it the number of the process is kept."""


class Report(msgspec.Struct, frozen=True, array_like=True):
    """What became of preloading. `left_out` are modules, each with the reason."""

    modules: int = 0
    """How many were loaded."""
    ms: float = 0.0
    left_out: tuple[tuple[str, str], ...] = ()
    threads: int = 1
    """How many the process has now: all but one are pools that are known to survive a fork."""
    restart_without: tuple[tuple[str, str], ...] = ()
    """Not empty: nothing may be forked from this process. Try a new one without these, too."""
    ended: str = ""
    """Why nothing further was imported, if that is so."""
    doubts: dict[str, bytes] = {}
    """Not empty: the same. Modules that may differ as they do in every process, with their values here."""


# Master → Manager


class DebugServer(msgspec.Struct, frozen=True, array_like=True):
    """Where debugpy's adapter waits for Workers: `pid` is the process whose children they count as.

    `folder` is where debugpy is found.
    """

    host: str
    port: int
    tokens: tuple[str | None, str | None]
    """The server's, and the client's."""
    pid: int
    folder: str


class WorkerSettings(msgspec.Struct, frozen=True, array_like=True):
    """What every Worker of a run is given, as one value from the Master's options to its boot."""

    target: Target
    root: str
    loop: LoopChoice = "auto"
    threads: int = 1
    """For a WSGI app."""
    access_log: bool = True
    notes: bool = False
    """Workers report what they import, for preloading."""
    warm: bool = False
    """Workers that boot fully leave an image of themselves."""
    debug_server: DebugServer | None = None
    folder: str = ""
    """The working folder of the Workers, as it is when they start; empty: the Manager's."""


class Configure(_Message, frozen=True):
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


class Reload(_Message, frozen=True):
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


class Drop(_Message, frozen=True):
    """Forget the candidate `generation`: end its Workers."""

    generation: int


class Loaded(_Message, frozen=True):
    """A Worker read `source` from the disk: it belongs to the snapshot of `generation` from now on."""

    worker: int
    generation: int
    source: Source


class BootDone(_Message, frozen=True):
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


class WorkerIdle(_Message, frozen=True):
    """A Worker of an older generation has finished all it had."""

    worker: int


class LeaveWithin(_Message, frozen=True):
    """A retiring Worker has no unit in hand: end it if it has not exited in `seconds`.

    `held`: what keeps it is not work; else it is output that clients have yet to read.
    """

    worker: int
    seconds: float
    held: bool = True


class Stop(_Message, frozen=True):
    """Retire every Worker, then leave; after `deadline` seconds kill what is left. 0: kill now."""

    deadline: float


class StandDown(_Message, frozen=True):
    """Start nothing more; let every Worker finish, within the drain limit, then leave."""


class Ping(_Message, frozen=True):
    """Answer with Pong, once all that came before has been carried out."""


class Preload(_Message, frozen=True):
    """Import these modules before the first fork.

    `exclude` are globs of modules that are left out, `without` names, each with the reason, that were found
    unfit in other processes.
    """

    notes: tuple[ModuleNote, ...]
    surroundings: tuple[Surroundings, ...]
    own: tuple[str, ...] = ()
    """Folders and files of the app's own."""
    exclude: tuple[str, ...] = ()
    without: tuple[tuple[str, str], ...] = ()
    last: int = 0
    """The surroundings that the app had left when it was ready."""
    doubts: dict[str, bytes] = {}
    """What another process has told."""


# Manager → Master


class Preloading(_Message, frozen=True):
    """The import of `module` begins: if this process ends or hangs before the next word, it is the reason."""

    module: str


class PreloadDone(_Message, frozen=True):
    report: Report


class Pong(_Message, frozen=True):
    """The answer to Ping."""


class ReloadAsked(_Message, frozen=True):
    """Somebody sent SIGUSR1."""


class WorkerForked(_Message, frozen=True):
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


class Retire(_Message, frozen=True):
    """Give this Worker nothing more and tell it to leave when it is idle."""

    worker: int


class WorkerGone(_Message, frozen=True):
    """`status` is as os.waitpid gives it; `stack` a dump of its threads if it was ended at a time limit."""

    worker: int
    slot: int
    generation: int
    pid: int
    status: int
    stack: str = ""
    verdict: str = ""
    """Why the Manager ended it, if it did: `boot timeout`, `drain limit`, `stop timeout`, `dropped` …"""


class RollDone(_Message, frozen=True):
    """Every slot runs `generation`."""

    generation: int


class ManagerNotice(_Message, frozen=True):
    """A sentence of the Manager's for the user."""

    level: Literal["info", "warning", "error"]
    text: str
    detail: str = ""


# Worker → Master


class Imported(_Message, frozen=True):
    """What a Worker has imported that is not the app's own, in the order in which the imports began.

    Notes refer to `surroundings`, and so does `last`: how things are now. `reason` tells why what was
    imported later is not in the notes, if that is so.
    """

    worker: int
    generation: int
    notes: tuple[ModuleNote, ...]
    surroundings: tuple[Surroundings, ...]
    last: int = 0
    reason: str = ""


class Used(_Message, frozen=True):
    """A Worker uses these own files (real paths), which its snapshot had: so it did not read them.

    A path that ends in a separator is a folder that an import has looked into.
    """

    worker: int
    generation: int
    paths: tuple[str, ...]


class Opened(_Message, frozen=True):
    """A Worker has run these files, or read them as source, from the disk: no snapshot has a part in that."""

    worker: int
    generation: int
    files: tuple[OpenedFile, ...]


class Creates(_Message, frozen=True):
    """A Worker that boots makes a file that was not there. It comes before the file does, without a digest.

    Soon it comes once more, with the digest of what the Worker has put there; b"": that is not known.
    """

    worker: int
    generation: int
    path: str
    digest: bytes | None = None


class BootFailed(_Message, frozen=True):
    """The app could not be imported or started; the Worker exits next."""

    worker: int
    generation: int
    failure: Failure
    paths: tuple[str, ...] = ()
    """Own files that took part: a fix of any of them is worth a try."""
    uninstalled: bool = False
    """A module is missing that is not the app's own: so is an installation."""


class Send(_Message, frozen=True):
    """Bytes for a connection. `more`: the message goes on in the next Send, keep others out of it."""

    connection: int
    data: bytes
    more: bool = False


class Broadcast(_Message, frozen=True):
    """Bytes for every connection but those in `exclude`."""

    data: bytes
    exclude: tuple[int, ...] = ()


class Close(_Message, frozen=True):
    """Close a connection once what was sent to it is out."""

    connection: int


class ConnectionsAsked(_Message, frozen=True):
    request: int


class Handled(_Message, frozen=True):
    """A unit is finished. `state`: the connection's new state (msgpack), None if it is unchanged.

    `failure`: the handler raised.
    """

    job: int
    state: bytes | None = None
    failure: Failure | None = None


class StreamNews(_Message, frozen=True):
    """What a Worker says of a stream of the app's."""

    stream: int


class Respond(StreamNews, frozen=True):
    """The head of a response and the first of its body; `more`: the body goes on in ResponseBody."""

    status: int
    headers: Headers
    body: bytes = b""
    more: bool = False


class ResponseBody(StreamNews, frozen=True):
    data: bytes
    more: bool


class Accept(StreamNews, frozen=True):
    """The app takes the WebSocket."""

    subprotocol: str | None
    headers: Headers


class WebSocketSend(StreamNews, frozen=True):
    """A message for a WebSocket's client; `text`: it is UTF-8."""

    data: bytes
    text: bool


class WebSocketClose(StreamNews, frozen=True):
    """Close a WebSocket; before it was accepted: refuse it."""

    code: int
    reason: str


class Consumed(StreamNews, frozen=True):
    """The app has received `size` bytes of a request's body, or a WebSocket's message."""

    size: int


class Closed(StreamNews, frozen=True):
    """The app has returned from a stream, or raised `failure`: the unit is finished."""

    failure: Failure | None = None


class Failed(_Message, frozen=True):
    """Code of the app raised outside a unit."""

    failure: Failure


class Leaving(_Message, frozen=True):
    """No unit, and no task that one began, is in hand any more: what follows is the app's shutdown.

    `threads` are those that the interpreter waits for at its exit, by ident and name. `unsent`: first, slow
    clients have to read what was sent to them.
    """

    threads: tuple[tuple[int, str], ...] = ()
    unsent: bool = False


class TasksCancelled(_Message, frozen=True):
    """A Worker that leaves has cancelled these tasks: where each was, its coroutine as `function`.

    `in_hand`: they were units; else units, or the start-up, have begun them and left them behind.
    """

    tasks: tuple[Frame, ...]
    in_hand: bool = False


How = Literal["debugger", "question", "elsewhere"]
"""What stands at a prompt; a debugger that is answered `elsewhere`, over a socket, reads no terminal."""


class DebuggerState(_Message, frozen=True):
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


# Master → Worker


class Handle(_Message, frozen=True):
    """Run one handler. `state` is msgpack; `window` is how many bytes may be sent before credit is due."""

    job: int
    kind: JobKind
    connection: int
    peer: Peer
    transport: Transport
    state: bytes
    data: bytes
    window: int


class ConnectionWindowUpdate(_Message, frozen=True):
    """`size` more bytes may be sent to this connection."""

    connection: int
    size: int


class ConnectionRow(msgspec.Struct, frozen=True, array_like=True):
    connection: int
    peer: Peer
    transport: Transport
    state: bytes


class ConnectionTable(_Message, frozen=True):
    """The answer to ConnectionsAsked."""

    request: int
    rows: tuple[ConnectionRow, ...]


class Scope(msgspec.Struct, frozen=True, array_like=True):
    """A request or WebSocket as ASGI's scope has it, as far as it can travel.

    `resumed` is the generation that goes on with it, 0 where it begins.
    """

    type: Literal["http", "websocket"]
    http_version: str
    method: str
    scheme: str
    path: str
    raw_path: bytes
    query_string: bytes
    root_path: str
    headers: Headers
    client: Peer | None
    server: tuple[str, int | None] | None
    subprotocols: list[str] = []
    resumed: int = 0


class Open(_Message, frozen=True):
    """Run the app on a new stream; `stream` is the number of the unit.

    `more`: a body follows in RequestBody. `waits`: the client sends it only when it is asked for. `window` is
    how many bytes may be sent before a Grant is due.
    """

    stream: int
    scope: Scope
    more: bool
    waits: bool
    window: int


class RequestBody(_Message, frozen=True):
    stream: int
    data: bytes
    more: bool


class Message(_Message, frozen=True):
    """What a WebSocket's client has sent; `text`: it is UTF-8."""

    stream: int
    data: bytes
    text: bool


class WindowUpdate(_Message, frozen=True):
    """`size` more bytes may be sent on a stream."""

    stream: int
    size: int


class Disconnected(_Message, frozen=True):
    """The client of a stream has left."""

    stream: int
    code: int = 1006
    reason: str = ""


class Detach(_Message, frozen=True):
    """End a stream soon: its client is served by newer code, or is no more."""

    stream: int


class Leave(_Message, frozen=True):
    """Finish what runs, run `on_worker_stop` and atexit, exit.

    `patience`: seconds for tasks that units have begun and left behind.
    """

    patience: float = 0.0


ToManager = (
    Configure
    | Ping
    | Preload
    | Reload
    | Drop
    | Loaded
    | BootDone
    | WorkerIdle
    | LeaveWithin
    | DebuggerState
    | StandDown
    | Stop
)
FromManager = (
    Pong
    | Preloading
    | PreloadDone
    | ReloadAsked
    | WorkerForked
    | Retire
    | WorkerGone
    | RollDone
    | ManagerNotice
)
StreamOrder = Open | RequestBody | Message | WindowUpdate | Disconnected | Detach
ToWorker = Handle | ConnectionWindowUpdate | ConnectionTable | Leave | DebuggerState | StreamOrder
FromWorker = (
    BootDone
    | Imported
    | Loaded
    | Used
    | Opened
    | Creates
    | BootFailed
    | Send
    | Broadcast
    | Close
    | ConnectionsAsked
    | Handled
    | Failed
    | Leaving
    | TasksCancelled
    | DebuggerState
    | Respond
    | ResponseBody
    | Accept
    | WebSocketSend
    | WebSocketClose
    | Consumed
    | Closed
)
