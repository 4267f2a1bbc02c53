"""Decides about a request in flight when code goes live, its Worker dies or its app returns: pure.

| in flight | newer code goes live | its Worker dies |
|---|---|---|
| unanswered | stays | runs again once if that is safe, else 502 |
| being answered | stays | truncated |
| event stream with ids | moves | moves |
| event stream without ids | ends within the limit | truncated |
| answered | stays | what the app did after its answer is reported |
| its client has left | stays | nothing |
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Phase = Literal["unanswered", "answering", "streaming", "answered", "left"]
"""`streaming`: the answer is an event stream. `left`: the client is gone."""

WhenLive = Literal["stay", "move", "end", "end within the limit"]
WhenDead = Literal["nothing", "move", "run again", "answer 502", "truncate", "report what followed"]
WhenReturned = Literal["nothing", "end", "truncate", "answer 500"]


class InFlight(Struct, frozen=True):
    """The state of a request that the decisions depend on."""

    phase: Phase
    repeatable: bool = False
    """A safe method, no body, and not run again yet."""
    resumable: bool = False
    """An event stream with an id to continue from, cut where an event ends."""
    reopening: bool = False
    """The event stream has moved, and the newer code has not answered yet."""


def when_code_is_live(flight: InFlight, *, close_streams: bool) -> WhenLive:
    """Decide about a request that runs on older code; `close_streams` is the user's setting."""
    if flight.phase != "streaming":
        return "stay"
    if close_streams:
        return "end"
    return "move" if flight.resumable else "end within the limit"


def when_worker_died(flight: InFlight) -> WhenDead:
    """Decide about a request that the dead Worker had in hand."""
    match flight.phase:
        case "left":
            return "nothing"
        case "answered":
            return "report what followed"
        case "streaming" if flight.resumable:
            return "move"
        case "unanswered":
            return "run again" if flight.repeatable else "answer 502"
    return "truncate"


def when_app_returned(flight: InFlight) -> WhenReturned:
    """Decide about a request whose app has returned or raised."""
    match flight.phase:
        case "left" | "answered":
            return "nothing"
        case "streaming" if flight.reopening:
            return "end"
        case "unanswered":
            return "answer 500"
    return "truncate"
