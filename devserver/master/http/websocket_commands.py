"""The decisions of a WebSocket's session: commands that the WebSocket carries out."""

from __future__ import annotations

from msgspec import Struct

from devserver.ipc.messages import Headers


class Offer(Struct, frozen=True):
    """Find a Worker for a new run; `resumed`: it goes on with another run's conversation."""

    resumed: bool


class Deliver(Struct, frozen=True):
    """Send a message to the run in hand; `text`: it is UTF-8."""

    data: bytes
    text: bool


class DetachRun(Struct, frozen=True):
    """Detach from the run: it has to end soon."""


class ReportClientLeft(Struct, frozen=True):
    """Notify the run that its client has left."""

    code: int
    reason: str


class AcceptClient(Struct, frozen=True):
    """Complete the handshake."""

    subprotocol: str | None
    headers: Headers


class CloseClient(Struct, frozen=True):
    """Close the connection; `code` 0: without a closing handshake, as after an error."""

    code: int
    reason: str = ""


class RefuseClient(Struct, frozen=True):
    """Answer the handshake with a status; 403 without a body is the app's own refusal."""

    status: int
    text: str


class PassOnAnswer(Struct, frozen=True):
    """Answer the handshake with the app's own response, which is complete now."""


class Remember(Struct, frozen=True):
    """The run's code cannot resume WebSockets of this path; `why` is what the app did."""

    why: str


class Lost(Struct, frozen=True):
    """Report lost messages."""

    what: str
    reason: str


Command = (
    Offer
    | Deliver
    | DetachRun
    | ReportClientLeft
    | AcceptClient
    | CloseClient
    | RefuseClient
    | PassOnAnswer
    | Remember
    | Lost
)
