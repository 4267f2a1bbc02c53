"""The lines that scroll above the dashboard, in order: the app's output and reports.

A line of output is never cut or wrapped here: the terminal wraps it, so it can be copied as a whole. Its
colours are kept. Its other control sequences are removed, so no output can draw over the dashboard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.ansi import AnsiDecoder
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from devserver.common import events, gutter
from devserver.common.events import Event
from devserver.console import failure_view, letters, requests
from devserver.console.facts import refusal
from devserver.console.line_buffer import Line, LineBuffer
from devserver.console.model import Model
from devserver.console.process_table import colour
from devserver.reporting import plain, wording

Entry = Text | tuple[Segment, ...]

LEVELS = {"info": "dim", "warning": "yellow", "error": "red"}

_PLAIN = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f-\x9f]*")
_NOISE = re.compile(
    r"\x1b\][^\x07\x1b]*\x07"  # OSC that ends in BEL: titles
    r"|\x1b[PX^_].*?\x1b\\"  # device control and other strings
    r"|\x1b\[[0-?]*[ -/]*[@-ln-~]"  # CSI but for SGR: moves, erasures, modes
    r"|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]"
)
_NO_STYLE = Style.null()


@dataclass(slots=True)
class _Source:
    """A Worker's output; `quiet_at`: when to show its unfinished line."""

    slot: int
    lines: LineBuffer = field(default_factory=LineBuffer)
    colours: AnsiDecoder = field(default_factory=AnsiDecoder)
    quiet_at: float | None = None


class Scrollback:
    """Collects the entries to print next."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._dropped = 0
        self._sources: dict[int, _Source] = {}
        self._slots: dict[int, int] = {}
        self.redrawn = False
        """Whether the live rows may have changed; the caller resets it."""

    @property
    def due_at(self) -> float | None:
        """Return when to show the next unfinished line, on the caller's clock."""
        return min(
            (each.quiet_at for each in self._sources.values() if each.quiet_at is not None), default=None
        )

    def take(self, event: Event, view: Model, width: int, now: float) -> None:
        """Add the lines of `event` while the dashboard is drawn."""
        if not isinstance(event, events.Output | events.WorkerLoad | events.Connections):
            self._settle()
        self._take(event, view, width, now)

    def _take(self, event: Event, view: Model, width: int, now: float) -> None:
        match event:
            case events.Output():
                self._output(event, now)
            case events.WorkerStarted():
                self._slots[event.worker] = event.slot
            case events.WorkerExited():
                self._release(event.worker)
                self._sources.pop(event.worker, None)
                self._slots.pop(event.worker, None)
                if not event.planned:
                    text = f"a worker process exited: {event.reason}; another one replaces it"
                    self.entries.append(Text(text, style="red", overflow="fold"))
            case events.HandlerFailed():
                self._release(event.worker)
                title = event.request or (f"connection {event.connection}" if event.connection else "")
                page = failure_view.Page(width, view.root, view.editor)
                self.entries += failure_view.whole(event.failure, title, page)
            case events.Requests():
                self._requests(event, view)
            case events.Live() | events.Refused() | events.Restored():
                self.entries.append(_seam(event, view.root, width))
            case events.Notice():
                self._fact(event, view.root, LEVELS[event.level])
            case events.Preloaded():
                self._fact(event, view.root, "")
            case events.Lost() | events.ManagerExited():
                self._fact(event, view.root, "red")
            case events.CompileWarning():
                self._fact(event, view.root, "yellow")

    def _requests(self, event: events.Requests, view: Model) -> None:
        quiet = ("*",) if view.logs_requests else view.hidden
        shown = [each for each in event.requests if not requests.is_hidden(each, quiet)]
        self.entries += [requests.line(each, view.generation, view.lives) for each in shown]
        hidden = event.count - len(event.requests)
        if hidden and any(each.status < 500 for each in shown):
            self.entries.append(Text(f"… {wording.plural(hidden, 'more request')}", style="dim"))

    def take_plain(self, event: Event, view: Model, now: float) -> None:
        """Add the lines of `event` while there is no dashboard."""
        if isinstance(event, events.Output):
            self._output(event, now)
        else:
            self._fact(event, view.root, "")

    def take_back(self, worker: int) -> str:
        """Return a Worker's unfinished line, and forget it."""
        each = self._sources.get(worker)
        if each is None:
            return ""
        each.quiet_at = None
        return "".join(line.text for line in each.lines.flush())

    def release(self, now: float) -> None:
        """Add the unfinished lines that are due."""
        for worker, each in self._sources.items():
            if each.quiet_at is not None and each.quiet_at <= now:
                self._release(worker)

    def release_all(self) -> None:
        for worker in self._sources:
            self._release(worker)

    def live(self, width: int, most: int) -> list[Text]:
        """Return at most `most` rows that the app draws over (progress bars), as they are now."""
        found = []
        for each in self._sources.values():
            for text in each.lines.live:
                name = self._label(each) + gutter.FIRST
                row = Text(name, style=colour(each.slot))
                row.append_text(AnsiDecoder().decode_line(_NOISE.sub("", text)))
                found.append(failure_view.fit(row, width))
        if len(found) > most:
            more = wording.plural(len(found) - most + 1, "more row")
            found[most - 1 :] = [failure_view.fit(Text(f"{gutter.FIRST}… {more}", style="dim"), width)]
        return found

    def _settle(self) -> None:
        """Add rows that seem to be complete: what follows belongs below them."""
        for worker, each in self._sources.items():
            if each.lines.rests:
                self._release(worker)

    def limit(self, most: int) -> None:
        """Keep the newest `most` entries; the next `drain` reports how many were dropped."""
        if len(self.entries) > most:
            self._dropped += len(self.entries) - most
            del self.entries[:-most]

    def drain(self) -> list[Entry]:
        """Return the entries to print, and forget them."""
        entries, self.entries = self.entries, []
        if self._dropped:
            text = f"… dropped {wording.plural(self._dropped, 'earlier line')}"
            entries.insert(0, Text(text, style="yellow"))
            self._dropped = 0
        return entries

    def _output(self, event: events.Output, now: float) -> None:
        each = self._sources.get(event.worker)
        if each is None:
            each = self._sources[event.worker] = _Source(self._slots.get(event.worker, event.worker))
        was_live = bool(each.lines.live)
        self._print(each, each.lines.feed(event.text))
        self.redrawn |= was_live or bool(each.lines.live)
        patience = each.lines.patience
        each.quiet_at = None if patience is None else now + patience

    def _release(self, worker: int) -> None:
        each = self._sources.get(worker)
        if each is not None:
            self.redrawn |= bool(each.lines.live)
            self._print(each, each.lines.flush())
            each.quiet_at = None

    def _label(self, each: _Source) -> str:
        return gutter.label(each.slot, several=len({*self._slots.values(), each.slot}) > 1)

    def _print(self, each: _Source, lines: list[Line]) -> None:
        style, label = Style.parse(colour(each.slot)), self._label(each)
        first, further = Segment(label + gutter.FIRST, style), Segment(label + gutter.FURTHER, style)
        for text, continues in lines:
            prefix = further if continues else first
            if _PLAIN.fullmatch(text) and each.colours.style == _NO_STYLE:
                self.entries.append((prefix, Segment(text)))
            else:
                self.entries.append((prefix, *_coloured(each.colours, text)))

    def _fact(self, event: Event, root: str, style: str) -> None:
        text = plain.line(event, root)
        if text is None:
            return
        lines = text.removeprefix(plain.PREFIX).split("\n")
        for line in lines:
            self.entries.append(Text(failure_view.printable(line), style=style, overflow="fold"))


def _coloured(decoder: AnsiDecoder, text: str) -> list[Segment]:
    decoded = decoder.decode_line(_NOISE.sub("", text))
    if "\x1b" in decoded.plain:
        decoded.plain = decoded.plain.replace("\x1b", "\ufffd")
    return list(decoded.render(_PALETTE))


_PALETTE = Console(quiet=True, force_terminal=False)
"""Resolves the styles of decoded text; nothing is printed on it."""


def _seam(event: events.Live | events.Refused | events.Restored, root: str, width: int) -> Text:
    """Return the line on the result of a save: older code printed the output above it."""
    if isinstance(event, events.Live):
        mark, style = "✓", "green"
        parts = [
            "live",
            wording.files(event.paths, root),
            wording.duration(event.total_ms),
            wording.how_live(event),
        ]
    elif isinstance(event, events.Restored):
        mark, style = "✓", "green"
        parts = ["live", "what is saved is what runs"]
    else:
        mark, style = "✗", "red"
        refused = refusal(event.failures, root)
        parts = ["not live", refused.where, refused.why]
    words = " · ".join(part for part in (*parts, wording.clock(event.at)) if part)
    rule = f"── {mark} {words}"
    end = " ──" if cell_len(rule) + 3 <= width else ""
    return failure_view.fit(Text(rule + end, style=f"dim {style}"), width)


class Batch:
    """Entries to print together, because each print above the dashboard draws the dashboard again."""

    def __init__(self, entries: Sequence[Entry], *, ascii_only: bool = False) -> None:
        self._entries = entries
        self._ascii = ascii_only

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        end = Segment.line()
        for entry in self._entries:
            if isinstance(entry, Text):
                if self._ascii:
                    entry.plain = entry.plain.translate(letters.ASCII)
                yield entry
            elif self._ascii:
                yield from letters.plain(entry)
                yield end
            else:
                yield from entry
                yield end
