"""What happens in the server, as typed facts: the stream that the console draws and `--events` writes.

Each is one JSON object per line: `event` is its name, `at` is Unix time in seconds. Durations are in
milliseconds.
"""

from __future__ import annotations

import msgspec

from devserver.common import encoding
from devserver.common.events.code import (
    AssetsChanged,
    Changed,
    Checked,
    CompileWarning,
    Live,
    Refused,
    Restored,
    Rolled,
    Superseded,
)
from devserver.common.events.processes import (
    Booting,
    Debugging,
    ImageState,
    ManagerExited,
    ManagerStarted,
    Output,
    Preloaded,
    WorkerExited,
    WorkerLoad,
    WorkerReady,
    WorkerRetiring,
    WorkerStarted,
)
from devserver.common.events.server import (
    Level,
    Listener,
    Listening,
    Notice,
    Pressed,
    Ready,
    Started,
    Stopped,
    Stopping,
)
from devserver.common.events.traffic import (
    Connections,
    HandlerFailed,
    Lost,
    Request,
    Requests,
    Resumed,
)

__all__ = [
    "AssetsChanged",
    "Booting",
    "Changed",
    "Checked",
    "CompileWarning",
    "Connections",
    "Debugging",
    "Event",
    "HandlerFailed",
    "ImageState",
    "Level",
    "Listener",
    "Listening",
    "Live",
    "Lost",
    "ManagerExited",
    "ManagerStarted",
    "Notice",
    "Output",
    "Preloaded",
    "Pressed",
    "Ready",
    "Refused",
    "Request",
    "Requests",
    "Restored",
    "Resumed",
    "Rolled",
    "Started",
    "Stopped",
    "Stopping",
    "Superseded",
    "WorkerExited",
    "WorkerLoad",
    "WorkerReady",
    "WorkerRetiring",
    "WorkerStarted",
    "decode",
    "encode",
]

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
    | ImageState
    | WorkerStarted
    | Booting
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
