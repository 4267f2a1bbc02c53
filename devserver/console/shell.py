"""The console's I/O shell: events in; the dashboard and the scrollback out; keys back as orders.

One thread, one loop. It draws on change, at most `RATE` times a second, and always draws the last state. It
does not run while idle. It may block on its terminal, because the Master buffers for it. While a Worker at a
prompt has the terminal, it draws nothing and holds the output.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from contextlib import suppress
from dataclasses import replace

from rich.console import Console, Group, RenderableType

from devserver.common import events
from devserver.common.console_settings import ConsoleSettings
from devserver.console import letters
from devserver.console.addresses import network_addresses
from devserver.console.dashboard import closing_lines, dashboard
from devserver.console.debug_queue import DebugQueue
from devserver.console.debug_terminal import AWAY, STOP, DebugTerminal, note
from devserver.console.facts import facts
from devserver.console.headline import headline
from devserver.console.key_actions import KeyActions
from devserver.console.keys import decode
from devserver.console.live_area import LiveArea
from devserver.console.master_link import MasterLink
from devserver.console.model import Model, Prompt
from devserver.console.notification import Notification
from devserver.console.scrollback import Batch, Scrollback
from devserver.console.signals import Ended, Signals
from devserver.console.title import Title
from devserver.console.update import apply
from devserver.reporting.terminal import Terminal

RATE = 8
BATCH = 500
"""Lines printed at once: each print above the dashboard draws the dashboard again, which takes ms."""

BACKGROUND = 1.0
"""Seconds between two checks whether this job is in the foreground again: no signal reports it."""

MOST_HELD = 2_000
"""Lines that are held while a Worker at a prompt has the terminal."""

STDIN = 0
BACK = b"d"
"""The key that leads from the dashboard back to the prompt."""
DASHBOARD = 0
"""The owner of the terminal is the dashboard; any other number is a Worker's."""


class Shell:
    """The console on its terminal, until the Master closes the link."""

    def __init__(
        self, link: socket.socket, console: Console, terminal: Terminal | None, settings: ConsoleSettings
    ) -> None:
        self._link = MasterLink(link)
        self._console = console
        self._terminal = terminal
        self._view = Model(editor=settings.editor, hidden=settings.hidden)
        self._scrollback = Scrollback()
        self._area: LiveArea | None = None
        self._title = Title(console.file, os.environ.get("TERM", ""))
        self._notification = Notification(console.file, settings.notify)
        self._keys = KeyActions()
        self._letters = letters.can_show(console.encoding, os.environ.get("TERM", ""))
        self._debug_queue = DebugQueue(closed=terminal is None)
        self._debug_terminal: DebugTerminal | None = None
        self._at_dashboard = False
        """The user looks at the dashboard although a Worker is at a prompt."""
        self._selector = selectors.DefaultSelector()
        self._changed = True
        self._drawn_at = float("-inf")

    def run(self) -> int:
        """Draw until the link ends; return the exit code. Restores the terminal in any case."""
        signals = Signals()
        clean = False
        try:
            signals.listen()
            self._selector.register(self._link, selectors.EVENT_READ)
            self._selector.register(signals, selectors.EVENT_READ)
            while self._turn(signals):
                pass
            self._leave()
            clean = True
        except Ended as ended:
            return 128 + int(ended.args[0])
        except OSError:  # the terminal has gone
            return 1
        finally:
            if self._terminal is not None:
                self._terminal.restore(after=b"" if clean else b"\n")
            self._selector.close()
            signals.close()
        return 0

    def _turn(self, signals: Signals) -> bool:
        """Wait for input or a deadline and handle it; return False when the link has ended."""
        self._follow_foreground()
        for key, _ in self._selector.select(self._patience()):
            if key.fileobj is self._link:
                arrived, goes_on = self._link.receive()
                for event in arrived:
                    self._take(event)
                if not goes_on:
                    return False
            elif key.fileobj is signals:
                signals.drain()
            else:
                self._press()
        if signals.suspending:
            self._suspend(signals)
        if self._holder is not None:
            line = headline(facts(self._view), time.time())
            self._title.show(line.title if self._letters else line.title.translate(letters.ASCII))
            self._notification.update(line)
        if self._debug_terminal is not None:
            self._debug_terminal.resize()
            return True
        self._changed |= self._area is not None and self._area.outgrown
        now = time.monotonic()
        self._changed |= now >= self._drawn_at + 1 and self._moves
        self._scrollback.release(now)
        self._changed |= self._scrollback.redrawn
        self._scrollback.redrawn = False
        if now >= self._drawn_at + 1 / RATE or len(self._scrollback.entries) >= BATCH:
            self._draw()
        return True

    def _patience(self) -> float | None:
        if self._debug_terminal is not None:
            return None
        times = [self._scrollback.due_at]
        if self._changed or self._scrollback.entries:
            times.append(self._drawn_at + 1 / RATE)
        if self._moves:
            times.append(self._drawn_at + 1)
        now = time.monotonic()
        waits = [max(0.0, at - now) for at in times if at is not None]
        if self._area is None:
            waits.append(BACKGROUND)
        return min(waits, default=None)

    @property
    def _moves(self) -> bool:
        """Return whether the dashboard changes with time alone: a running start, a falling rate."""
        now = time.time()
        return self._area is not None and bool(
            facts(self._view).starting_since or self._view.traffic.rate(now)
        )

    def _render(self, width: int, height: int) -> RenderableType:
        bars = self._scrollback.live(width, max(1, height // 4))
        return Group(*bars, dashboard(self._view, width, height, time.time(), self._keys.panel))

    def _follow_foreground(self) -> None:
        """Use the terminal and read keys only in the foreground: in the background another job has it."""
        foreground = self._terminal is None or self._terminal.foreground
        self._at_dashboard = self._at_dashboard and self._debug_queue.holder is not None
        wanted = self._wanted() if foreground else None
        if wanted == self._holder:
            return
        self._lift()
        if wanted is None:
            self._title.restore()
            return
        if self._terminal is not None:
            self._terminal.cbreak()
        if os.isatty(STDIN):
            self._selector.register(STDIN, selectors.EVENT_READ)
        if wanted == DASHBOARD:
            self._area = LiveArea(self._console, self._render)
            self._changed = True
        elif self._terminal is not None:
            self._scrollback.release_all()
            self._draw()  # earlier output belongs above it
            prompt = self._view.prompts.get(wanted) or Prompt(worker=wanted, since=time.time())
            self._debug_terminal = DebugTerminal(prompt, self._console, self._terminal, self._link.send)
            self._debug_terminal.show(self._debug_queue.read(wanted))

    def _wanted(self) -> int | None:
        """Return who should have the terminal: the dashboard, or a Worker; None: neither."""
        return DASHBOARD if self._at_dashboard else self._debug_queue.holder or DASHBOARD

    @property
    def _holder(self) -> int | None:
        """Return who has the terminal now; None: another job."""
        if self._debug_terminal is not None:
            return self._debug_terminal.worker
        return None if self._area is None else DASHBOARD

    def _lift(self) -> None:
        """Take the terminal from its owner, and stop reading keys."""
        if self._holder is not None:
            with suppress(KeyError):
                self._selector.unregister(STDIN)
        if self._debug_terminal is not None:
            self._debug_queue.pause(self._debug_terminal.worker)
            self._debug_terminal.end()
            self._debug_terminal = None
        if self._area is not None:
            self._area.lift()
            self._area = None

    def _take(self, event: events.Event) -> None:
        begins = isinstance(event, events.Debugging) and event.worker not in self._view.prompts
        for each in self._debug_queue.take(event):
            self._keep(each)
        if begins and isinstance(event, events.Debugging):
            self._debug_queue.begin_with(event.worker, self._scrollback.take_back(event.worker))
        if self._debug_terminal is not None and (text := note(event, self._view.root)):
            self._debug_terminal.note(text)
        if self._debug_terminal is not None:
            self._debug_terminal.show(self._debug_queue.read(self._debug_terminal.worker))

    def _keep(self, event: events.Event) -> None:
        if isinstance(event, events.Pressed):
            self._view, entries = self._keys.press(event.key, self._view, self._console.width)
            self._scrollback.entries += entries
            self._changed = True
            return
        view = apply(self._view, event)
        if view.listeners != self._view.listeners:
            view = replace(view, network=network_addresses(view.listeners))
        self._changed |= view is not self._view
        self._view = view
        now = time.monotonic()
        if self._holder is None:
            self._scrollback.take_plain(event, view, now)
        else:
            self._scrollback.take(event, view, self._console.width, now)
        if len(self._scrollback.entries) >= BATCH:
            self._draw()

    def _press(self) -> None:
        try:
            data = os.read(STDIN, 1024)
        except OSError:
            data = b""
        if not data:  # hung up, or at its end: it would stay readable for ever
            self._selector.unregister(STDIN)
        if self._debug_terminal is None:
            self._pressed(data)
            return
        key = self._debug_terminal.press(data)
        self._at_dashboard = key == AWAY
        if key == STOP:
            self._link.send("stop")
            for event in self._debug_queue.close():
                self._keep(event)

    def _pressed(self, data: bytes) -> None:
        """Send the keys to the Master, which knows whether a Worker reads them; if not, they are orders.

        Keys of a user who has left a prompt for the dashboard are for the dashboard.
        """
        if self._at_dashboard and data.lower() == BACK:
            self._at_dashboard = False
        elif self._at_dashboard:
            for key in decode(data):
                if key in ("reload", "stop"):
                    self._link.send(key)
                else:
                    self._keep(events.Pressed(key=key))
        elif data:
            self._link.send("typed", text=data.decode("latin-1"))

    def _draw(self) -> None:
        if self._debug_terminal is not None:
            self._scrollback.limit(MOST_HELD)
            return
        entries = self._scrollback.drain()
        if self._area is not None:
            self._area.adapt_to_size()
            if self._keys.clears:
                self._keys.clears = False
                self._area.clear()
            if not entries and self._changed:
                self._area.refresh()
        for start in range(0, len(entries), BATCH):
            batch = Batch(entries[start : start + BATCH], ascii_only=not self._letters)
            self._console.print(batch, crop=False)
        if entries or self._changed:
            self._drawn_at = time.monotonic()
        self._changed = False

    def _suspend(self, signals: Signals) -> None:
        """Ctrl-Z: restore the terminal and stop, as any program does; return on SIGCONT."""
        self._lift()
        self._title.restore()
        if self._terminal is not None:
            self._terminal.restore()
        signals.stop_process()

    def _leave(self) -> None:
        for event in self._debug_queue.close():
            self._keep(event)
        self._follow_foreground()
        self._scrollback.release_all()
        self._draw()
        self._title.restore()
        if self._area is not None:
            self._lift()
            self._console.print(closing_lines(self._view, self._console.width))
