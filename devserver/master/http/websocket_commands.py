"""What the session of a WebSocket decides: commands that the WebSocket carries out."""

from __future__ import annotations

from dataclasses import dataclass

from devserver.ipc.messages import Headers


@dataclass(frozen=True, slots=True)
class Offer:
    """Find a Worker for a new run; `resumed`: it goes on with another run's conversation."""

    resumed: bool


@dataclass(frozen=True, slots=True)
class Deliver:
    """Give a message to the run in hand; `text`: it is UTF-8."""

    data: bytes
    text: bool


@dataclass(frozen=True, slots=True)
class End:
    """Tell the run to end soon."""


@dataclass(frozen=True, slots=True)
class TellLeft:
    """Tell the run that its client has left."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class AcceptClient:
    """Complete the handshake."""

    subprotocol: str | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class CloseClient:
    """Close the connection; `code` 0: without a closing handshake, as after an error."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RefuseClient:
    """Answer the handshake with a status; 403 without a body is the app's own refusal."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class PassOnAnswer:
    """Answer the handshake with the app's own response, which is whole now."""


@dataclass(frozen=True, slots=True)
class Remember:
    """Conversations on this path cannot go on with the code of the run; `why` is what the app did."""

    why: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Report that something was lost."""

    what: str
    reason: str


Command = (
    Offer
    | Deliver
    | End
    | TellLeft
    | AcceptClient
    | CloseClient
    | RefuseClient
    | PassOnAnswer
    | Remember
    | Lost
)
