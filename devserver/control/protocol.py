"""The requests to a running server over its control socket, and its replies: JSON lines, pure data.

A client sends one request and reads replies until the server closes the connection. Each line is an object:
`do` is the name of a request, `reply` that of a reply, `version` the protocol's. Within a version, fields are
only added. `at` and `since` are Unix time in seconds; other units are in the names.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from devserver.common import encoding
from devserver.common.errors import DevserverError
from devserver.common.events import Listener
from devserver.common.failure import Failure

VERSION = 1
LONGEST_REQUEST = 64 * 1024
"""Bytes."""
Line = TypeVar("Line")
Source = Literal["app", "devserver"]
State = Literal["live", "not-live", "starting", "stopping"]


class ProtocolError(DevserverError):
    """The bytes from the control socket are not a message of this protocol."""


class _Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="do"):
    version: int = VERSION


class AskStatus(_Request, frozen=True, kw_only=True, tag="status"):
    """Answered at once with a Status."""


class AskWait(_Request, frozen=True, kw_only=True, tag="wait"):
    """Answered with a Verdict on the code on the disk when this arrives, once it is live or refused."""

    timeout_s: float = 60.0


class AskReload(_Request, frozen=True, kw_only=True, tag="reload"):
    """Read everything again and start it, changed or not. Answered as AskWait is."""

    timeout_s: float = 60.0


class AskStop(_Request, frozen=True, kw_only=True, tag="stop"):
    """Stop gracefully. Answered at once with an End; the server's exit closes the connection."""


class AskLogs(_Request, frozen=True, kw_only=True, tag="logs"):
    """Answered with Logged and LogFile. `follow`: until the client or the server closes."""

    since: float = 0.0
    follow: bool = False


class AskErrors(_Request, frozen=True, kw_only=True, tag="errors"):
    """Answered with an ErrorSeen for each failure: first why the saved code is not live, then the past."""

    since: float = 0.0


class AskRequests(_Request, frozen=True, kw_only=True, tag="requests"):
    """Answered with a RequestSeen for each that was answered; `failed`: only those with a status from 500."""

    since: float = 0.0
    follow: bool = False
    failed: bool = False


class AskRoutes(_Request, frozen=True, kw_only=True, tag="routes"):
    """Answered with a RouteSeen for each route of the live app, or a Problem if the app is too busy."""


Request = AskStatus | AskWait | AskReload | AskStop | AskLogs | AskErrors | AskRequests | AskRoutes


class _Reply(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply"):
    version: int = VERSION


class Verdict(_Reply, frozen=True, kw_only=True, tag="verdict"):
    """Whether the code on the disk is live. `headline` is one line on that, `failures` are the reasons if
    not.

    `generation` is the number of the live code (0: none yet), `live_at` is when it went live. `files` are
    the files it changed, `total_ms` is the time from the save until then, `steps_ms` that of each step.
    `warnings` name broken files that nothing imports.
    """

    state: State
    headline: str
    generation: int
    live_at: float = 0.0
    files: tuple[str, ...] = ()
    total_ms: float = 0.0
    steps_ms: dict[str, float] = {}
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
    root: str = ""
    """The folder that `files` are relative to."""


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A process that runs the app. `memory` is resident, in bytes; `running` and `handled` count requests,
    messages and frames.
    """

    worker: int
    pid: int
    generation: int
    state: Literal["starting", "ready", "retiring", "debugging"]
    running: int = 0
    handled: int = 0
    memory: int = 0


class Status(_Reply, frozen=True, kw_only=True, tag="status"):
    """The state of the server. `output` is the file that the app prints to, if it is one."""

    code: Verdict
    devserver: str
    pid: int
    target: str
    root: str
    started_at: float
    urls: tuple[str, ...]
    listeners: tuple[Listener, ...]
    workers: tuple[WorkerStatus, ...]
    connections: int
    waiting: int
    requests: int
    failed: int
    """Failures of the app since the start, those of handlers and requests."""
    output: str = ""


class Logged(_Reply, frozen=True, kw_only=True, tag="log"):
    """Text with its newlines, as it was written. `source` devserver: a line of the server's own."""

    at: float
    source: Source
    text: str
    worker: int = 0


class LogFile(_Reply, frozen=True, kw_only=True, tag="log-file"):
    """The file with the app's output and the server's own lines, which the client reads by itself."""

    path: str
    offset: int


class ErrorSeen(_Reply, frozen=True, kw_only=True, tag="error"):
    """A failure of the app's code. `current`: it keeps the code on the disk from being live."""

    at: float
    current: bool
    what: str
    failure: Failure


class RequestSeen(_Reply, frozen=True, kw_only=True, tag="request"):
    """A request that was answered. `status` 0: its client left before.

    `generation` is the code that it ran on, 0: none; `ms` is its time, including the wait for a save.
    """

    at: float
    method: str
    path: str
    status: int
    ms: float
    generation: int


class RouteSeen(_Reply, frozen=True, kw_only=True, tag="route"):
    """A route of the live app, or a function that the server calls (`kind` handler, without a path).

    No `methods`: any, or the framework does not show them. `endpoint` is the dotted name of what is called.
    `file` and `line` are where a function is defined.
    """

    path: str
    kind: Literal["http", "websocket", "mount", "handler"]
    methods: tuple[str, ...] = ()
    name: str = ""
    endpoint: str = ""
    file: str = ""
    line: int = 0


class End(_Reply, frozen=True, kw_only=True, tag="end"):
    """The end of the answer. `note` is a sentence on what the answer leaves out, or empty."""

    note: str = ""


class Problem(_Reply, frozen=True, kw_only=True, tag="problem"):
    """The request cannot be carried out: one sentence with the reason, and what to do."""

    sentence: str


Reply = Verdict | Status | Logged | LogFile | ErrorSeen | RequestSeen | RouteSeen | End | Problem

_encoder = msgspec.json.Encoder()
_requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_replies: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


def encode(line: Request | Reply) -> bytes:
    """Return a request or a reply as one JSON line, with its newline."""
    return encoding.encode(_encoder, line) + b"\n"


def request_in(line: bytes) -> Request:
    """Return the request in a line. Raises ProtocolError."""
    return _decoded(_requests, line, "request")


def reply_in(line: bytes) -> Reply:
    """Return the reply in a line. Raises ProtocolError."""
    return _decoded(_replies, line, "reply")


def _decoded(decoder: msgspec.json.Decoder[Line], line: bytes, kind: str) -> Line:
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        spoken = _version_of(line)
        if spoken and spoken != VERSION:
            text = f"this {kind} has version {spoken}, and this devserver speaks version {VERSION}"
            raise ProtocolError(f"{text}: use one devserver for the server and its commands") from error
        raise ProtocolError(f"this is not a {kind} of version {VERSION}: {error}") from error


def _version_of(line: bytes) -> int:
    try:
        version = msgspec.json.decode(line).get("version")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, AttributeError):
        return 0
    return version if isinstance(version, int) else 0
