"""What happens in the server, as typed facts: the stream that the console draws and `--events` writes.

Each is one JSON object a line: `event` names it, `at` is Unix time in seconds. Times within are milliseconds.
"""

from __future__ import annotations

import time
from typing import Literal

import msgspec

from devserver.common import encoding
from devserver.common.failure import Failure

Level = Literal["info", "warning", "error"]


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=_kebab):
    at: float = msgspec.field(default_factory=time.time)


class Listener(msgspec.Struct, frozen=True):
    """The address of a listener; `port` is the real one. `address` is the path of a Unix socket.

    As a string it is an URL, which terminals make clickable.
    """

    kind: Literal["http", "https", "tcp", "uds"]
    address: str
    port: int = 0

    def __str__(self) -> str:
        if self.kind == "uds":
            return f"unix:{self.address}"
        return f"{self.kind}://{f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"


class Started(_Event, frozen=True, kw_only=True):
    """The Master is up and watching; no code is live yet."""

    version: str
    pid: int
    target: str
    root: str


class Ready(_Event, frozen=True, kw_only=True):
    """The first generation is live: from here on requests are answered."""

    generation: int
    listeners: tuple[Listener, ...]


class Listening(_Event, frozen=True, kw_only=True):
    """A listener was opened; `listeners` are all that are open now."""

    listeners: tuple[Listener, ...]


class Changed(_Event, frozen=True, kw_only=True):
    """Files that matter were touched: edit number `edit` has begun."""

    edit: int
    paths: tuple[str, ...]


class Checked(_Event, frozen=True, kw_only=True):
    """The edit has settled and was read. `changed` is false when the contents are the same as before."""

    edit: int
    changed: bool
    settle_ms: float
    check_ms: float


class AssetsChanged(_Event, frozen=True, kw_only=True):
    """Files that browsers show were saved: pages refresh, and no Worker is replaced."""

    paths: tuple[str, ...]


class CompileWarning(_Event, frozen=True, kw_only=True):
    """`compile()` warned of a line in the app."""

    path: str
    line: int
    category: str
    message: str


class Live(_Event, frozen=True, kw_only=True):
    """Generation `generation` is live: every job starts on it from here on.

    `steps` are settle, check, fork, import, start, live, in ms; `total_ms` counts from the save's notice.
    `paths` are the files that differ from the generation before.
    """

    generation: int
    edit: int
    steps: dict[str, float]
    total_ms: float
    paths: tuple[str, ...] = ()
    way: str = "boot"
    """`boot`: all was imported; `copy`: it was forked from an image; `swap`: and bodies were exchanged."""
    functions: int = 0
    """How many bodies were exchanged."""
    why: str = ""
    """Why no shorter way was taken, if there is something to say."""


class Refused(_Event, frozen=True, kw_only=True):
    """An edit's code cannot run; the last good generation stays live (`live`, 0: none yet).

    `file` and `line` are those of the first failure; `failures` has every broken file.
    """

    edit: int
    generation: int
    live: int
    file: str
    line: int
    failures: tuple[Failure, ...]


class Restored(_Event, frozen=True, kw_only=True):
    """The disk holds the running code again: the refusal before is void."""

    edit: int
    live: int


class Superseded(_Event, frozen=True, kw_only=True):
    """A candidate was dropped because a newer edit replaced it before it was live."""

    generation: int


class ManagerStarted(_Event, frozen=True, kw_only=True):
    """`standby`: it is prepared for the next reload; another Manager serves."""

    pid: int
    standby: bool = False


class ManagerExited(_Event, frozen=True, kw_only=True):
    pid: int
    reason: str


class Preloaded(_Event, frozen=True, kw_only=True):
    """A Manager has imported `modules` in `ms`: the next Workers have them. `left_out`: names and reasons."""

    modules: int
    ms: float
    cold_ms: float = 0.0
    """What the app's import takes without them."""
    left_out: tuple[tuple[str, str], ...] = ()
    ended: str = ""
    """Why what came later is not preloaded, if that is so."""


class WorkerStarted(_Event, frozen=True, kw_only=True):
    """A Worker was forked; it is booting."""

    worker: int
    slot: int
    generation: int
    pid: int
    way: str = "boot"
    """`boot`: it imports everything; `copy`, `swap`: it was forked from an image (docs/WARM.md)."""


class WorkerReady(_Event, frozen=True, kw_only=True):
    """`docs` is the path at which the app documents its API; `logs_requests`: it logs each by itself."""

    worker: int
    generation: int
    docs: str = ""
    logs_requests: bool = False


class WorkerRetiring(_Event, frozen=True, kw_only=True):
    """The Worker gets no new work; it exits when its jobs are finished."""

    worker: int


class WorkerExited(_Event, frozen=True, kw_only=True):
    """`reason` is how it ended: `exit 0`, `SIGKILL` … `planned` is true when it was ordered to exit, or has
    reported why it cannot serve.
    """

    worker: int
    slot: int
    generation: int
    pid: int
    reason: str
    planned: bool


class WorkerLoad(_Event, frozen=True, kw_only=True):
    """What a Worker does: jobs it runs now, jobs it has finished, resident memory in bytes."""

    worker: int
    running: int
    handled: int
    memory: int


class Connections(_Event, frozen=True, kw_only=True):
    """How many client connections are open, and how many jobs wait for a Worker."""

    open: int
    waiting: int


class Rolled(_Event, frozen=True, kw_only=True):
    """Every slot runs the live generation."""

    generation: int


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was answered, or whose client left before (`status` 0).

    `at` is Unix time when it was answered, `ms` how long that took, including the wait for a save. `path`
    has its query. `generation` is the code that ran it, 0: none did.
    """

    at: float
    method: str
    path: str
    status: int
    ms: float
    generation: int = 0


class Requests(_Event, frozen=True, kw_only=True):
    """Requests that were answered since the last such event: `count` of them, `failed` with a status of 5xx.

    `requests` are those that are shown one by one, in the order of their ends: not all where they are many.
    """

    count: int
    failed: int
    requests: tuple[Request, ...]


class HandlerFailed(_Event, frozen=True, kw_only=True):
    """A handler of the app, or the app in a request, raised; the connection lives on.

    `request` is `GET /items?page=2`; `status` is what its client got, 0 where no request is concerned.
    """

    worker: int
    connection: int
    failure: Failure
    request: str = ""
    status: int = 0


class Lost(_Event, frozen=True, kw_only=True):
    """Work or data was dropped, for `reason`. `connection` is 0 where none is concerned."""

    what: str
    reason: str
    connection: int = 0


class Resumed(_Event, frozen=True, kw_only=True):
    """An open WebSocket or event stream goes on with newer code, or on another Worker."""

    what: str
    generation: int


class Output(_Event, frozen=True, kw_only=True):
    """What a Worker's process wrote to its terminal (only where it has one of its own)."""

    worker: int
    text: str


class Pressed(_Event, frozen=True, kw_only=True):
    """A key was pressed that the console handles; the event goes to the console only."""

    key: str


class Debugging(_Event, frozen=True, kw_only=True):
    """A prompt in the Worker waits for keys, or (`active` false) no longer does.

    `what` is the job. It is answered in the console but for a debugger `elsewhere`, over a socket.
    """

    worker: int
    active: bool
    path: str = ""
    line: int = 0
    what: str = ""
    how: Literal["debugger", "question", "elsewhere"] = "debugger"


class Notice(_Event, frozen=True, kw_only=True):
    """One sentence for the user."""

    level: Level
    text: str
    detail: str = ""


class Stopping(_Event, frozen=True, kw_only=True):
    reason: str


class Stopped(_Event, frozen=True, kw_only=True):
    code: int


Event = (
    Started
    | Ready
    | Listening
    | Changed
    | Checked
    | AssetsChanged
    | CompileWarning
    | Live
    | Refused
    | Restored
    | Superseded
    | ManagerStarted
    | ManagerExited
    | Preloaded
    | WorkerStarted
    | WorkerReady
    | WorkerRetiring
    | WorkerExited
    | WorkerLoad
    | Connections
    | Rolled
    | Requests
    | HandlerFailed
    | Lost
    | Resumed
    | Output
    | Pressed
    | Debugging
    | Notice
    | Stopping
    | Stopped
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """Return the event as one JSON line, its newline included."""
    return encoding.encode(_encoder, event) + b"\n"


def decode(line: bytes) -> Event:
    """Return the event that `line` holds; raises msgspec.ValidationError for anything else."""
    return _decoder.decode(line)
