"""Requests and WebSockets: a stream's orders from the Master, and its news from the Worker."""

from __future__ import annotations

from devserver.common.failure import Failure
from devserver.ipc.messages.data import Headers, Scope, TaggedMessage


class StreamNews(TaggedMessage, frozen=True):
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


class Open(TaggedMessage, frozen=True):
    """Run the app on a new stream; `stream` is the number of the unit.

    `more`: a body follows in RequestBody. `waits`: the client sends it only when it is asked for. `window` is
    how many bytes may be sent before a Grant is due.
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
    """What a WebSocket's client has sent; `text`: it is UTF-8."""

    stream: int
    data: bytes
    text: bool


class WindowUpdate(TaggedMessage, frozen=True):
    """`size` more bytes may be sent on a stream."""

    stream: int
    size: int


class Disconnected(TaggedMessage, frozen=True):
    """The client of a stream has left."""

    stream: int
    code: int = 1006
    reason: str = ""


class Detach(TaggedMessage, frozen=True):
    """End a stream soon: its client is served by newer code, or is no more."""

    stream: int


StreamOrder = Open | RequestBody | Message | WindowUpdate | Disconnected | Detach
