"""The memory of the control socket: this run's state and its last events. Pure.

Law: memory is bounded: see `MOST_…`. The app's text is kept unchanged; our own lines are worded on request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from devserver.common import encoding, events
from devserver.common.events import Event, Listener
from devserver.common.failure import Failure
from devserver.control.protocol import ErrorSeen, Logged, RequestSeen, WorkerStatus
from devserver.master.control.ring import Ring

MOST_LINES, MOST_TEXT = 20_000, 4 * 1024 * 1024
"""Pieces of text and events, and their characters."""
MOST_ERRORS, MOST_ERROR_TEXT = 500, 4 * 1024 * 1024
MOST_REQUESTS, MOST_REQUEST_TEXT = 2_000, 1024 * 1024
_EVENT_WEIGHT = 500
_REQUEST_WEIGHT = 100
_encoder = msgspec.msgpack.Encoder()
_QUIET = (
    events.WorkerLoad
    | events.Connections
    | events.WorkerStarted
    | events.WorkerReady
    | events.WorkerRetiring
    | events.ImageState
    | events.Rolled
    | events.Checked
    | events.Requests
)
"""Events without a line in the log."""


@dataclass(slots=True)
class Journal:
    """`word` returns the line of an event, or None. Followers get each event that is kept, as it happens.

    `has_output`: the app's output comes as events, too.
    """

    word: Callable[[Event], str | None]
    has_output: bool = False
    started: events.Started | None = None
    live: events.Live | None = None
    listeners: tuple[Listener, ...] = ()
    workers: dict[int, WorkerStatus] = field(default_factory=dict)
    connections: int = 0
    waiting: int = 0
    failed: int = 0
    requested: int = 0
    unlisted: int = 0
    """Requests that were only counted, because there were many at once."""
    booting_since: float = 0.0
    stopping: bool = False
    followers: list[Callable[[Event], None]] = field(default_factory=list)
    _lines: Ring[Event] = field(default_factory=lambda: Ring(MOST_LINES, MOST_TEXT))
    _requests: Ring[RequestSeen] = field(default_factory=lambda: Ring(MOST_REQUESTS, MOST_REQUEST_TEXT))
    _errors: Ring[ErrorSeen] = field(default_factory=lambda: Ring(MOST_ERRORS, MOST_ERROR_TEXT))

    def take(self, event: Event) -> None:
        """Record an event."""
        self._take_state(event)
        if isinstance(event, events.Requests):
            self._take_requests(event)
        elif isinstance(event, _QUIET):
            return
        else:
            self._lines.add(event, event.at, _weight(event))
        for follower in tuple(self.followers):
            follower(event)

    def logged(self, since: float = 0.0) -> Iterator[Logged]:
        """Yield the lines since then."""
        for event in self._lines.since(since):
            if line := self.line(event):
                yield line

    def line(self, event: Event) -> Logged | None:
        """Return the line of an event, None if it has none."""
        if isinstance(event, events.Output):
            text = event.text.replace("\r\n", "\n")
            return Logged(at=event.at, source="app", worker=event.worker, text=text)
        sentence = None if isinstance(event, _QUIET) else self.word(event)
        return Logged(at=event.at, source="devserver", text=sentence + "\n") if sentence else None

    def requests(self, since: float = 0.0, failed: bool = False) -> Iterator[RequestSeen]:
        """Yield the requests since then."""
        return (each for each in self._requests.since(since) if each.status >= 500 or not failed)

    def errors(self, since: float = 0.0) -> Iterator[ErrorSeen]:
        """Yield the failures since then."""
        return self._errors.since(since)

    def missing(self, since: float) -> str:
        """Return a sentence if text since then was dropped, else ""."""
        if not self._lines.lacks(since):
            return ""
        return f"earlier lines were dropped: the server keeps the last {MOST_TEXT // 2**20} MiB"

    def _take_requests(self, event: events.Requests) -> None:
        self.requested += event.count
        self.unlisted += event.count - len(event.requests)
        for request in requests_in(event):
            self._requests.add(request, request.at, _REQUEST_WEIGHT + len(request.path))

    def _take_state(self, event: Event) -> None:
        match event:
            case events.Started():
                self.started = event
                self.booting_since = event.at
            case events.Listening() | events.Ready():
                self.listeners = event.listeners
            case events.Live():
                self.live = event
            case events.Refused():
                for failure in event.failures:
                    self._fail(event.at, "the saved code" if event.edit else "the start", failure)
            case events.HandlerFailed():
                self.failed += 1
                where = f"connection {event.connection}" if event.connection else f"worker {event.worker}"
                where = event.request or where
                self._fail(event.at, where, event.failure)
            case events.Connections():
                self.connections, self.waiting = event.open, event.waiting
            case events.Stopping():
                self.stopping = True
            case _:
                self._take_worker(event)

    def _take_worker(self, event: Event) -> None:
        match event:
            case events.WorkerStarted(worker=number):
                self.workers[number] = WorkerStatus(
                    worker=number, pid=event.pid, generation=event.generation, state="starting"
                )
            case events.WorkerReady():
                self._change(event.worker, state="ready")
            case events.WorkerRetiring():
                self._change(event.worker, state="retiring")
            case events.Debugging():
                self._change(event.worker, state="debugging" if event.active else "ready")
            case events.WorkerLoad():
                self._change(event.worker, running=event.running, handled=event.handled, memory=event.memory)
            case events.WorkerExited():
                self.workers.pop(event.worker, None)

    def _change(self, worker: int, **fields: object) -> None:
        if known := self.workers.get(worker):
            self.workers[worker] = replace(known, **fields)

    def _fail(self, at: float, what: str, failure: Failure) -> None:
        seen = ErrorSeen(at=at, current=False, what=what, failure=failure)
        self._errors.add(seen, at, _failure_weight(failure))


def _weight(event: Event) -> int:
    match event:
        case events.Output():
            return len(event.text)
        case events.Refused():
            return sum(map(_failure_weight, event.failures))
        case events.HandlerFailed():
            return _failure_weight(event.failure)
    return _EVENT_WEIGHT


def _failure_weight(failure: Failure) -> int:
    return _EVENT_WEIGHT + len(encoding.encode(_encoder, failure))


def requests_in(event: events.Requests) -> Iterator[RequestSeen]:
    """Return the requests that an event lists."""
    for each in event.requests:
        yield RequestSeen(
            at=each.at,
            method=each.method,
            path=each.path,
            status=each.status,
            ms=round(each.ms, 2),
            generation=each.generation,
        )
