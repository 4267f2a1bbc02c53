"""One plain line per event, for a reader without a terminal: logs, pipes, containers.

Pure and deterministic: the same event gives the same text. Free of rich, because the Master imports it.
"""

from __future__ import annotations

from devserver.common import events
from devserver.common.events import Event
from devserver.common.explain import explain
from devserver.common.failure import Failure
from devserver.common.failure_lines import lines
from devserver.reporting import wording

PREFIX = "devserver: "
MOST_LEFT_OUT = 3
CONSEQUENCES = ("is never preloaded", "is part of ", "imports ", "is excluded")
"""Prefixes of reasons that follow from another reason, or from a setting."""
INTERRUPTED = 130


SLOW = 5.0
"""Seconds after which a line reports the progress of a start, and at each doubling."""


def line(event: Event, root: str = "") -> str | None:
    """Return the line for `event`, without a final newline; None for an event without one.

    Only failures and details take more than one line. The app's own output is returned as it is, its newlines
    included. The carriage returns that a Worker's terminal puts before them are removed, because the terminal
    that shows this adds its own. Paths below `root` are shortened.
    """
    if isinstance(event, events.Output):
        return event.text.replace("\r\n", "\n")
    sentence = _server(event, root) or _code(event, root) or _process(event, root)
    return None if sentence is None else PREFIX + sentence


def _unanswered(event: events.Requests) -> str | None:
    """Return a line for each request that no code has run: no Worker's access log has it."""
    lines = [
        f"{each.method} {each.path} {each.status}: no code ran it" for each in event.requests if is_ours(each)
    ]
    return f"\n{PREFIX}".join(lines) or None


def is_ours(request: events.Request) -> bool:
    """Return whether devserver itself had to answer a request, with an error."""
    return request.generation == 0 and request.status >= 500


def requests(event: events.Requests) -> str | None:
    """Return a line for each request, for a reader without an access log; None for no requests."""
    lines = [
        f"{PREFIX}{each.method} {each.path} {each.status or 'client left'} {wording.duration(each.ms)}"
        for each in event.requests
    ]
    return "\n".join(lines) or None


def failure_text(failure: Failure, root: str = "") -> str:
    """Return a whole failure in several lines, as the plain lines show it."""
    return _reason(failure) + _details(failure, root)


def _server(event: Event, root: str) -> str | None:
    match event:
        case events.Started():
            return f"version {event.version} runs {event.target}, watches {event.root} (pid {event.pid})"
        case events.Ready():
            return f"ready: generation {event.generation}{_on(event.listeners)}"
        case events.Listening():
            return f"listening{_on(event.listeners)}" if event.listeners else "listening on nothing now"
        case events.Notice():
            level = "" if event.level == "info" else f"{event.level}: "
            return level + event.text + _indented(event.detail)
        case events.Lost():
            connection = f" (connection {event.connection})" if event.connection else ""
            return f"lost: {event.what}{connection}: {event.reason}"
        case events.Requests():
            return _unanswered(event)
        case events.Stopping():
            return f"stopping: {event.reason}"
        case events.Stopped() if event.code in (0, INTERRUPTED):  # else the command reports why
            return "stopped, without waiting" if event.code else "stopped"
    return None


def _on(listeners: tuple[events.Listener, ...]) -> str:
    return f" on {', '.join(map(str, listeners))}" if listeners else ""


def _code(event: Event, root: str) -> str | None:
    match event:
        case events.Changed():
            return f"changed: {wording.files(event.paths, root)}"
        case events.AssetsChanged():
            return f"changed, for browsers only: {wording.files(event.paths, root)}"
        case events.CompileWarning():
            where = wording.relative(event.path, root)
            return f"{where}:{event.line}: {event.category}: {event.message}"
        case events.Live():
            return _live(event, root)
        case events.Refused():
            return _refused(event, root)
        case events.Restored():
            return f"the saved code is the running code again: generation {event.live}"
        case events.Superseded():
            return f"generation {event.generation} was dropped: a newer edit replaces it"
    return None


def _live(event: events.Live, root: str) -> str:
    parts = [f"live generation {event.generation}"]
    begin = "saved" if event.edit else "started"
    steps = " · ".join(
        f"{name} {wording.milliseconds(value)}" for name, value in wording.ordered(event.steps)
    )
    total = f"{begin} → live {wording.duration(event.total_ms)}"
    parts.append(f"{total}: {steps}" if steps else total)
    if event.paths:
        parts.append(wording.files(event.paths, root))
    if way := wording.how_live(event):
        parts.append(way)
    return " · ".join(parts)


def _refused(event: events.Refused, root: str) -> str:
    goes_on = f"generation {event.live} goes on" if event.live else wording.NOTHING_RUNS
    if not event.failures:
        return f"refused: {wording.relative(event.file, root)}:{event.line}; {goes_on}"
    first = event.failures[0]
    where = f"{wording.relative(event.file, root)}:{event.line}: " if event.file else ""
    sentence = f"refused: {where}{_reason(first)}; {goes_on}"
    return sentence + "".join(_details(failure, root) for failure in event.failures)


def _process(event: Event, root: str) -> str | None:
    match event:
        case events.Booting() if event.seconds >= SLOW:
            return f"still {wording.boot_progress(event, root)} after {event.seconds:g} s"
        case events.WorkerExited() if not event.planned:
            return f"worker {event.worker} (generation {event.generation}) exited: {event.reason}"
        case events.ManagerExited() if event.reason != "exit 0":
            return f"manager exited: {event.reason}"
        case events.Preloaded():
            return _preloaded(event)
        case events.Debugging(active=True, how="debugger" | "question"):
            where = "run devserver in the foreground of a terminal, without --plain"
            return f"worker {event.worker} is at a breakpoint(), and only the console can answer it: {where}"
        case events.HandlerFailed():
            what = event.request or (f"connection {event.connection}" if event.connection else "the app")
            return f"{what} failed: {_reason(event.failure)}{_details(event.failure, root)}"
    return None


def _preloaded(event: events.Preloaded) -> str:
    """Return the most important facts; the event stream has all of them."""
    causes = [f"{name} {reason}" for name, reason in event.left_out if not reason.startswith(CONSEQUENCES)]
    text = f"preloaded {wording.plural(event.modules, 'module')} for the next workers"
    if event.cold_ms:
        text += f": importing them all takes {wording.duration(event.cold_ms)}"
    if causes:
        more = f" and {len(causes) - MOST_LEFT_OUT} more" if len(causes) > MOST_LEFT_OUT else ""
        text += f" · left out {'; '.join(causes[:MOST_LEFT_OUT])}{more}"
    return f"{text} · no later modules: {event.ended}" if event.ended else text


def _reason(failure: Failure) -> str:
    return explain(failure).reason


def _details(failure: Failure, root: str) -> str:
    return "".join(f"\n  {each}".rstrip() for each in lines(explain(failure, root)))


def _indented(text: str) -> str:
    return "".join("\n" + f"  {each}".rstrip() for each in text.splitlines())
