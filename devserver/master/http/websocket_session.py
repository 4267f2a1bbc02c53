"""The session of one WebSocket over generations and deaths: pure, events in, commands out.

Law: the app gets the client's messages in order, once. When the run's code is replaced or its Worker dies,
the next run gets the messages that no app has received. Otherwise they are reported as lost. The client sees
one handshake. Only the client and the app close the connection, or the session with 1012 if it cannot be
resumed.

A *run* is one call of the app on one Worker. The phases:

    opening   → accepted by the app → open          refused, or ended → closed
    open      → newer code is live  → detaching     (nothing of the old run may overlap with the new one)
    detaching → the old run ended   → reopening     (the accept of the new run is swallowed)
    reopening → accepted            → open
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from devserver.ipc.messages import Headers
from devserver.master.http.websocket_commands import (
    AcceptClient,
    CloseClient,
    Command,
    Deliver,
    DetachRun,
    Lost,
    Offer,
    PassOnAnswer,
    RefuseClient,
    Remember,
    ReportClientLeft,
)
from devserver.master.http.websocket_inbox import WebSocketInbox

SERVICE_RESTART = 1012
REJECTED = 1006
"""The code that reports an app's refusal of a handshake; an app cannot close with it."""
_GOODBYES = (1000, 1001)
MOST_DEATHS = 3
"""Workers in a row that may die when they resume a connection."""

Phase = Literal["opening", "open", "detaching", "reopening", "closed"]


@dataclass(slots=True)
class WebSocketSession:
    """`resumable`: its path and the settings allow to resume it; a subprotocol forbids it.

    `settled` returns whether the app may get messages with a stamp; `barred`, whether the live code is known
    not to resume WebSockets of this path.
    """

    resumable: bool
    settled: Callable[[int], bool]
    barred: Callable[[], bool] = lambda: False
    _phase: Phase = "opening"
    _inbox: WebSocketInbox = field(default_factory=WebSocketInbox)
    _running: bool = False
    _outdated: bool = False
    """Newer code went live during the handshake."""
    _resumed: bool = False
    _tried_again: bool = False
    _taken: int = 0
    """Messages that this run's app has received."""
    _has_sent: bool = False
    """This run has sent a message."""
    _has_answered: bool = False
    """This run has sent a message after it had received one."""
    _in_hand: bool = False
    _deaths: int = 0
    """Runs in a row whose Worker died before they received or sent a message."""
    _restarting: bool = False
    """The connection was closed with 1012: messages that no run takes are lost."""

    @property
    def phase(self) -> Phase:
        """Return the phase."""
        return self._phase

    @property
    def full(self) -> bool:
        """Return whether the client has to wait with more messages."""
        return self._inbox.full

    @property
    def holds(self) -> bool:
        """Return whether a message waits that no run has got."""
        return self._inbox.holds

    # the client

    def on_client_message(self, stamp: int, data: bytes, text: bool) -> list[Command]:
        """The client has sent a message."""
        if self._phase == "closed":
            return []
        self._inbox.add(stamp, data, text)
        return self.deliver()

    def on_client_left(self, code: int, reason: str) -> list[Command]:
        """The client has closed, or is gone."""
        if self._phase == "closed":
            return []
        out: list[Command] = []
        given = self._inbox.ahead if self._running and self._phase != "detaching" else 0
        if self._phase == "opening" and not self._running:
            out.append(Lost("the waiting handshake", "its client has left"))
        elif waiting := len(self._inbox) - given:
            out.append(Lost(_messages(waiting), "its client has left before the app could have it"))
        self._phase = "closed"
        return [*out, ReportClientLeft(code, reason)] if self._running else out

    def deliver(self) -> list[Command]:
        """Send the run the messages that it may get by now."""
        out: list[Command] = []
        if self._phase not in ("open", "reopening") or not self._running:
            return out
        while message := self._inbox.next(self.settled):
            out.append(Deliver(*message))
        return out

    # the server

    def on_run_started(self) -> list[Command]:
        """The offered run has started on a Worker."""
        self._running = True
        self._inbox.on_run_started()
        self._taken = 0
        self._has_sent = self._has_answered = self._in_hand = self._outdated = False
        return self.deliver()

    def on_code_live(self) -> list[Command]:
        """Newer code than that of the run in hand is live."""
        match self._phase:
            case "opening":
                self._outdated = self._running
            case "open" | "reopening" if self._running:
                return self._leave()
        return []

    def _leave(self) -> list[Command]:
        if not self.resumable:
            return [*self._restart(), DetachRun()]
        self._phase = "detaching"
        return [DetachRun()]

    def on_worker_died(self, reason: str) -> list[Command]:
        """The Worker with the run in hand has died."""
        phase, self._running = self._phase, False
        if phase == "closed":
            return self._lost_in_hand(reason) + self._untaken() if self._restarting else []
        if phase == "opening":
            if self._tried_again:
                self._phase = "closed"
                answer = RefuseClient(502, f"this handshake was lost: {reason}")
                return [Lost("the handshake", reason), answer]
            self._tried_again = True
            return [Offer(resumed=False)]
        out = self._lost_in_hand(reason)
        self._deaths = 0 if self._taken or self._has_sent else self._deaths + 1
        if self._resumed and self._deaths >= MOST_DEATHS and self.resumable:
            return [*out, *self._give_up(f"ended {MOST_DEATHS} workers in a row")]
        return [*out, *self._again()]

    def _again(self) -> list[Command]:
        if not self.resumable or self.barred():
            return self._restart()
        self._phase, self._resumed = "reopening", True
        return [Offer(resumed=True)]

    def on_turned_away(self) -> list[Command]:
        """No code can resume the connection; the caller answers a handshake."""
        if self._phase == "opening":
            self._phase = "closed"
        return self._restart() if self._phase != "closed" else []

    # losses

    def _lost_in_hand(self, reason: str) -> list[Command]:
        return [Lost("the message in hand", reason)] if self._in_hand else []

    def _untaken(self) -> list[Command]:
        """Report the messages that no app has received, and no app will."""
        waiting = self._inbox.clear()
        reason = "its connection was closed with 1012 before the app had taken it"
        return [Lost(_messages(waiting), reason)] if waiting else []

    # the app

    def on_app_accepted(self, subprotocol: str | None, headers: Headers) -> list[Command]:
        """The app accepts the connection."""
        match self._phase:
            case "opening":
                self._phase = "open"
                self.resumable = self.resumable and subprotocol is None
                out: list[Command] = [AcceptClient(subprotocol, headers)]
                return [*out, *(self._leave() if self._outdated else self.deliver())]
            case "reopening":
                self._phase = "open"
        return []

    def on_app_received(self) -> list[Command]:
        """The app has received the first of the messages ahead."""
        if not self._inbox.ahead:
            return []
        self._inbox.on_received()
        self._taken += 1
        self._in_hand = True
        return self.deliver()

    def on_app_sent(self) -> bool:
        """The app has sent a message; return whether the client gets it."""
        self._has_sent, self._in_hand = True, False
        self._has_answered = self._has_answered or self._taken > 0
        return self._phase in ("open", "detaching")

    def on_app_answered(self, *, whole: bool) -> list[Command]:
        """The app has sent a part of a response to the handshake, instead of an accept; `whole`: the last
        part.
        """
        if self._phase != "opening":
            return self.on_app_closed(REJECTED, "")
        if not whole:
            return []
        self._phase = "closed"
        return [PassOnAnswer()]

    def on_app_closed(self, code: int, reason: str) -> list[Command]:
        """The app has closed the connection, or (`REJECTED`) refuses it."""
        match self._phase:
            case "opening":
                self._phase = "closed"
                return [RefuseClient(403, "")]
            case "open" | "reopening" if code == REJECTED:
                return self._give_up("refused it")
            case "open" | "detaching" | "reopening" if code != REJECTED:
                odd = self._first and code not in _GOODBYES
                out: list[Command] = [Remember(f"closed it with {code} {self._moment}")] if odd else []
                return [*out, *self._close(code, reason)]
        return []  # closed; or outdated code refuses, and newer code is asked once this run has ended

    def on_app_returned(self, failed: bool) -> list[Command]:
        """The app has returned from the run in hand or raised."""
        self._running = False
        did = "raised" if failed else "returned"
        match self._phase:
            case "detaching":
                return self._again()
            case "opening":
                self._phase = "closed"
                return [RefuseClient(500, "Internal Server Error")]
            case "reopening":
                return self._give_up(f"{did} {self._moment}")
            case "open" if self._first and not self._taken and (failed or not self._has_sent):
                return self._give_up(f"{did} {self._moment}")
            case "open" if self._first and self._taken:
                return [Remember(f"{did} {self._moment}"), *self._close(0, "")]
            case "open":
                return self._close(0, "")
        return self._untaken() if self._restarting else []

    @property
    def _first(self) -> bool:
        """Return whether a resumed run is still at the client's first message, or before it.

        If it ends there, the app may need data of the client's very first message, such as a token.
        """
        return self._resumed and not self._has_answered and self._taken <= 1

    @property
    def _moment(self) -> str:
        return "at the first message" if self._taken else "before a message had come"

    def _give_up(self, why: str) -> list[Command]:
        return [Remember(why), *self._restart()]

    def _restart(self) -> list[Command]:
        """Ask the client to reconnect; a run that has not ended may still take some messages."""
        self._restarting = True
        lost = [] if self._running else self._untaken()
        return [*lost, *self._close(SERVICE_RESTART, "service restart")]

    def _close(self, code: int, reason: str) -> list[Command]:
        self._phase = "closed"
        return [CloseClient(code, reason)]


def _messages(count: int) -> str:
    return "a message" if count == 1 else f"{count} messages"
