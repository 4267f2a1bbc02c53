"""Requests and WebSockets: the Master's orders for a stream, and the Worker's reports of it."""

from __future__ import annotations

from devserver.common.failure import Failure
from devserver.ipc.messages.data import Headers, Scope, TaggedMessage


class StreamMessage(TaggedMessage, frozen=True):
    """A Worker's report of a stream."""

    stream: int


class Respond(StreamMessage, frozen=True):
    """The head of a response and the first part of its body; `more`: the body goes on in ResponseBody."""

    status: int
    headers: Headers
    body: bytes = b""
    more: bool = False


class ResponseBody(StreamMessage, frozen=True):
    data: bytes
    more: bool


class Accept(StreamMessage, frozen=True):
    """The app accepts the WebSocket."""

    subprotocol: str | None
    headers: Headers


class WebSocketSend(StreamMessage, frozen=True):
    """A message for a WebSocket's client; `text`: it is UTF-8."""

    data: bytes
    text: bool


class WebSocketClose(StreamMessage, frozen=True):
    """Close a WebSocket, or refuse it if it was not accepted yet."""

    code: int
    reason: str


class Consumed(StreamMessage, frozen=True):
    """The app has received `size` bytes of a request's body, or a WebSocket's message."""

    size: int


class Closed(StreamMessage, frozen=True):
    """The app has returned from a stream, or raised `failure`: the job is finished."""

    failure: Failure | None = None


class Open(TaggedMessage, frozen=True):
    """Run the app on a new stream; `stream` is the number of the job.

    `more`: a body follows in RequestBody. `waits`: the client sends it only when the app asks for it.
    `window` is how many bytes the app may send before a WindowUpdate.
    """

    stream: int
    scope: Scope
    more: bool
    waits: bool
    window: int


class RequestBody(TaggedMessage, frozen=True):
    stream: int
    data: bytes
    more: bool


class Message(TaggedMessage, frozen=True):
    """A message from a WebSocket's client; `text`: it is UTF-8."""

    stream: int
    data: bytes
    text: bool


class WindowUpdate(TaggedMessage, frozen=True):
    """`size` more bytes may be sent on a stream."""

    stream: int
    size: int


class Disconnected(TaggedMessage, frozen=True):
    """The client of a stream has disconnected."""

    stream: int
    code: int = 1006
    reason: str = ""


class Detach(TaggedMessage, frozen=True):
    """End a stream soon: newer code serves its client, or the client has disconnected."""

    stream: int


StreamOrder = Open | RequestBody | Message | WindowUpdate | Disconnected | Detach
