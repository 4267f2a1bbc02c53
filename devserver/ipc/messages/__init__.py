"""All messages between Master, Manager and Workers.

Each sender has one module. Past facts are reports (`BootDone`), the rest are orders (`Retire`). Each names
its `worker` (unique over Managers) or `generation`, so that a late message is recognised.
A channel keeps the order of its messages.
"""

from __future__ import annotations

from devserver.ipc.messages.data import (
    AppKind,
    ConnectionRow,
    DebugServer,
    Handover,
    Headers,
    How,
    JobKind,
    LoopChoice,
    OpenedFile,
    Peer,
    Route,
    Scope,
    Source,
    Target,
    Transport,
    Way,
    WorkerSettings,
)
from devserver.ipc.messages.manager import (
    LEFT,
    ImageState,
    ManagerNotice,
    Pong,
    ReloadRequested,
    Retire,
    RollDone,
    StillBooting,
    WorkerForked,
    WorkerGone,
)
from devserver.ipc.messages.master import (
    BootDone,
    Configure,
    ConnectionTable,
    ConnectionWindowUpdate,
    Drop,
    Handle,
    Leave,
    LeaveWithin,
    Loaded,
    Ping,
    Reload,
    RoutesRequested,
    StandDown,
    Stop,
    WorkerIdle,
)
from devserver.ipc.messages.preloading import (
    Imported,
    ModuleNote,
    Preload,
    PreloadDone,
    Preloading,
    Report,
    Surroundings,
)
from devserver.ipc.messages.streams import (
    Accept,
    Closed,
    Consumed,
    Detach,
    Disconnected,
    Message,
    Open,
    RequestBody,
    Respond,
    ResponseBody,
    StreamMessage,
    StreamOrder,
    WebSocketClose,
    WebSocketSend,
    WindowUpdate,
)
from devserver.ipc.messages.worker import (
    BootFailed,
    Broadcast,
    Close,
    ConnectionsRequested,
    Creates,
    DebuggerState,
    Failed,
    Handled,
    Leaving,
    Opened,
    RoutesRead,
    Send,
    TasksCancelled,
    Used,
)

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
    | ReloadRequested
    | WorkerForked
    | Retire
    | WorkerGone
    | RollDone
    | StillBooting
    | ImageState
    | ManagerNotice
)
ToWorker = (
    Handle | ConnectionWindowUpdate | ConnectionTable | RoutesRequested | Leave | DebuggerState | StreamOrder
)
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
    | ConnectionsRequested
    | Handled
    | Failed
    | Leaving
    | TasksCancelled
    | DebuggerState
    | RoutesRead
    | Respond
    | ResponseBody
    | Accept
    | WebSocketSend
    | WebSocketClose
    | Consumed
    | Closed
)

__all__ = [
    "LEFT",
    "Accept",
    "AppKind",
    "BootDone",
    "BootFailed",
    "Broadcast",
    "Close",
    "Closed",
    "Configure",
    "ConnectionRow",
    "ConnectionTable",
    "ConnectionWindowUpdate",
    "ConnectionsRequested",
    "Consumed",
    "Creates",
    "DebugServer",
    "DebuggerState",
    "Detach",
    "Disconnected",
    "Drop",
    "Failed",
    "FromManager",
    "FromWorker",
    "Handle",
    "Handled",
    "Handover",
    "Headers",
    "How",
    "ImageState",
    "Imported",
    "JobKind",
    "Leave",
    "LeaveWithin",
    "Leaving",
    "Loaded",
    "LoopChoice",
    "ManagerNotice",
    "Message",
    "ModuleNote",
    "Open",
    "Opened",
    "OpenedFile",
    "Peer",
    "Ping",
    "Pong",
    "Preload",
    "PreloadDone",
    "Preloading",
    "Reload",
    "ReloadRequested",
    "Report",
    "RequestBody",
    "Respond",
    "ResponseBody",
    "Retire",
    "RollDone",
    "Route",
    "RoutesRead",
    "RoutesRequested",
    "Scope",
    "Send",
    "Source",
    "StandDown",
    "StillBooting",
    "Stop",
    "StreamMessage",
    "StreamOrder",
    "Surroundings",
    "Target",
    "TasksCancelled",
    "ToManager",
    "ToWorker",
    "Transport",
    "Used",
    "Way",
    "WebSocketClose",
    "WebSocketSend",
    "WindowUpdate",
    "WorkerForked",
    "WorkerGone",
    "WorkerIdle",
    "WorkerSettings",
]
