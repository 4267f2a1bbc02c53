"""The life of one WebSocket over generations and deaths: pure, events in, commands out.

Law: what the client says is given to the app in order, once: what no app had taken when its code was
replaced, or its Worker died, is given to the next. The client sees one handshake, and a close only from
itself, from the app, or 1012 where the conversation cannot go on.

A *stream* is one run of the app on one Worker. The phases:

    opening   → accepted by the app → open          refused, or ended → closed
    open      → newer code is live  → detaching     (nothing of the old run may overlap with the new one)
    detaching → the old run ended   → reopening     (the accept of the new run is swallowed)
    reopening → accepted            → open
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from devserver.wire.messages import Headers

SERVICE_RESTART = 1012
MOST_AHEAD = 64
"""Messages, and bytes, that are given to a Worker before it has taken the ones before."""
MOST_AHEAD_BYTES = 1024 * 1024

MOST_BARREN = 3
"""Workers that may die in a row over going on with a connection."""

Phase = Literal["opening", "open", "detaching", "reopening", "closed"]


@dataclass(frozen=True, slots=True)
class Offer:
    """Find a Worker for a new stream; `resumed`: it goes on with what another has begun."""

    resumed: bool


@dataclass(frozen=True, slots=True)
class Deliver:
    """Give a message to the stream that runs; `text`: it is UTF-8."""

    data: bytes
    text: bool


@dataclass(frozen=True, slots=True)
class End:
    """Tell the stream to end soon."""


@dataclass(frozen=True, slots=True)
class TellLeft:
    """Tell the stream that its client has left."""

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
class Remember:
    """Conversations on this path cannot go on with newer code."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Something was lost, and is said."""

    what: str
    reason: str


Command = Offer | Deliver | End | TellLeft | AcceptClient | CloseClient | RefuseClient | Remember | Lost


@dataclass(slots=True)
class Session:
    """`resumable` is whether its path and the settings allow it; a subprotocol forbids it.

    `settled` tells whether what came under that edit may be given to the app.
    """

    resumable: bool
    settled: Callable[[int], bool]
    phase: Phase = "opening"
    _inbox: deque[tuple[int, bytes, bool]] = field(default_factory=deque)
    """Stamp, message, and whether it is text; the first `_ahead` of them are with the stream that runs."""
    _ahead: int = 0
    _ahead_bytes: int = 0
    _size: int = 0
    _running: bool = False
    _outdated: bool = False
    """Newer code went live during the handshake."""
    _resumed: bool = False
    _tried_again: bool = False
    _taken: int = 0
    """Messages that this run has taken."""
    _spoken: bool = False
    """It has said something."""
    _answered: bool = False
    """It has said something after it had taken a message."""
    _in_hand: bool = False
    _barren: int = 0
    """Runs in a row that have done nothing before their Worker died."""

    @property
    def full(self) -> bool:
        """Tell whether the client has to wait with more messages."""
        return self._size >= MOST_AHEAD_BYTES or len(self._inbox) >= 2 * MOST_AHEAD

    @property
    def holds(self) -> bool:
        """Tell whether a message waits that no stream was given."""
        return len(self._inbox) > self._ahead

    # the client

    def said(self, stamp: int, data: bytes, text: bool) -> list[Command]:
        """The client has sent a message."""
        if self.phase == "closed":
            return []
        self._inbox.append((stamp, data, text))
        self._size += len(data)
        return self.deliver()

    def left(self, code: int, reason: str) -> list[Command]:
        """The client has closed, or is gone."""
        if self.phase == "closed":
            return []
        out: list[Command] = []
        given = self._ahead if self._running and self.phase != "detaching" else 0
        if self.phase == "opening" and not self._running:
            out.append(Lost("the waiting handshake", "its client has left"))
        elif waiting := len(self._inbox) - given:
            what = "a message" if waiting == 1 else f"{waiting} messages"
            out.append(Lost(what, "its client has left before the app could have it"))
        self.phase = "closed"
        return [*out, TellLeft(code, reason)] if self._running else out

    def deliver(self) -> list[Command]:
        """Give the stream what it may have by now."""
        out: list[Command] = []
        if self.phase not in ("open", "reopening") or not self._running:
            return out
        while self.holds and self._ahead < MOST_AHEAD and self._ahead_bytes < MOST_AHEAD_BYTES:
            stamp, data, text = self._inbox[self._ahead]
            if not self.settled(stamp):
                break
            self._ahead += 1
            self._ahead_bytes += len(data)
            out.append(Deliver(data, text))
        return out

    # the server

    def started(self) -> list[Command]:
        """The stream that was offered runs on a Worker."""
        self._running = True
        self._ahead = self._ahead_bytes = self._taken = 0
        self._spoken = self._answered = self._in_hand = self._outdated = False
        return self.deliver()

    def moved(self) -> list[Command]:
        """Newer code than the running stream's is live."""
        match self.phase:
            case "opening":
                self._outdated = self._running
            case "open" | "reopening" if self._running:
                return self._leave()
        return []

    def _leave(self) -> list[Command]:
        if not self.resumable:
            return [*self._close(SERVICE_RESTART, "service restart"), End()]
        self.phase = "detaching"
        return [End()]

    def died(self, reason: str) -> list[Command]:
        """The Worker of the running stream is dead."""
        phase, self._running = self.phase, False
        if phase == "closed":
            return []
        if phase == "opening":
            if self._tried_again:
                self.phase = "closed"
                return [RefuseClient(502, f"the worker that ran this handshake died ({reason})")]
            self._tried_again = True
            return [Offer(resumed=False)]
        out: list[Command] = [Lost("the message in hand", reason)] if self._in_hand else []
        if not self.resumable:
            return [*out, *self._close(SERVICE_RESTART, "service restart")]
        self._barren = 0 if self._taken or self._spoken else self._barren + 1
        if self._resumed and self._barren >= MOST_BARREN:
            return [*out, *self._give_up()]
        return [*out, self._again()]

    def _again(self) -> Command:
        self.phase, self._resumed = "reopening", True
        return Offer(resumed=True)

    # the app

    def accepted(self, subprotocol: str | None, headers: Headers) -> list[Command]:
        """The app takes the connection."""
        match self.phase:
            case "opening":
                self.phase = "open"
                self.resumable = self.resumable and subprotocol is None
                out: list[Command] = [AcceptClient(subprotocol, headers)]
                return [*out, *(self._leave() if self._outdated else self.deliver())]
            case "reopening":
                self.phase = "open"
        return []

    def took(self) -> list[Command]:
        """The app has received the first message of those that are ahead."""
        if self.phase == "closed" or not self._ahead:
            return []
        _, data, _ = self._inbox.popleft()
        self._ahead -= 1
        self._ahead_bytes -= len(data)
        self._size -= len(data)
        self._taken += 1
        self._in_hand = True
        return self.deliver()

    def spoke(self) -> bool:
        """The app has sent a message; tell whether the client is to get it."""
        self._spoken, self._in_hand = True, False
        self._answered = self._answered or self._taken > 0
        return self.phase in ("open", "detaching")

    def hung_up(self, code: int, reason: str) -> list[Command]:
        """The app has closed the connection, or refuses it."""
        match self.phase:
            case "opening":
                self.phase = "closed"
                return [RefuseClient(403, "")]
            case "open" | "detaching" | "reopening" if not self._goes_on(code):
                return self._give_up()
            case "open" | "detaching" | "reopening":
                return self._close(code, reason)
        return []

    def ended(self, failed: bool) -> list[Command]:
        """The app has returned from the running stream, or raised."""
        self._running = False
        match self.phase:
            case "detaching":
                return [self._again()]
            case "opening":
                self.phase = "closed"
                return [RefuseClient(500, "Internal Server Error")]
            case "open" | "reopening":
                if self.phase == "reopening" or not self._goes_on(1011 if failed else 1000):
                    return self._give_up()
                return self._close(0, "")
        return []

    def _goes_on(self, code: int) -> bool:
        """Tell whether the run is a conversation by its own right, so that its end is the app's wish.

        A resumed run that ends before it has answered a message may have wanted what only a first message
        can tell, a token for one. What only pushes, and then says goodbye, is fine.
        """
        if not self._resumed or self._answered:
            return True
        return code == 1000 and self._spoken and not self._taken

    def _give_up(self) -> list[Command]:
        return [Remember(), *self._close(SERVICE_RESTART, "service restart")]

    def _close(self, code: int, reason: str) -> list[Command]:
        self.phase = "closed"
        return [CloseClient(code, reason)]
