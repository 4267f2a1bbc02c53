"""Gives every event to its listeners: the console or plain lines, and the event stream."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from devserver.common import events
from devserver.common.console_settings import ConsoleSettings
from devserver.common.editor_links import guessed
from devserver.common.events import Event
from devserver.config import ConsoleConfig
from devserver.reporting import plain
from devserver.reporting.console_process import ConsoleLink, ConsoleProcess, Order, usable
from devserver.reporting.line_writer import LineWriter

MOST_UNREAD = 4 * 1024 * 1024
"""Unread bytes of the console beyond which the app's own print waits."""
LOOK_AGAIN = 0.05
PATIENCE = 1.0
"""Seconds that the console gets for its last lines."""


class Reporter:
    """`stream` takes the events as JSON lines. `on_order` gets the console's orders; `on_lagging` is called
    when the console falls behind, or keeps up again.
    """

    def __init__(
        self,
        config: ConsoleConfig,
        stream: LineWriter | None,
        root: str,
        on_order: Callable[[Order], None],
        on_lagging: Callable[[bool], None],
    ) -> None:
        self._root = root
        self._on_lagging = on_lagging
        self._loop = asyncio.get_running_loop()
        self._stream = stream
        self._lines = LineWriter(2, owned=False, lost=_lost_lines)
        self._console: ConsoleProcess | None = None
        self._link: ConsoleLink | None = None
        self._listeners: list[Callable[[Event], None]] = []
        self._is_lagging = False
        self.draws = not config.plain and usable() and os.isatty(0)
        self.terminal = os.isatty(0) and os.isatty(1)
        """Whether the Workers have terminals of their own, because a console shows what they print."""
        if self.terminal:
            editor = guessed(os.environ) if config.editor is None else config.editor
            settings = ConsoleSettings(not self.draws, editor, config.hidden, config.notify)
            self._console = ConsoleProcess(settings)
            self._link = ConsoleLink(
                self._loop, self._console.socket, on_order=on_order, on_gone=self._console_gone
            )

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Add a listener in this process, which gets every event."""
        self._listeners.append(listener)

    def emit(self, event: Event) -> None:
        """Give the event to every listener; never blocks."""
        for listener in self._listeners:
            listener(event)
        line = events.encode(event)
        if self._stream is not None:
            self._stream.write(line)
        if self._link is not None:
            self._link.write(line)
            if self._link.backlog > MOST_UNREAD:
                self._lags()
        else:
            self._write_line(event)

    def show(self, event: Event) -> None:
        """Give the event to the console alone."""
        if self._link is not None:
            self._link.write(events.encode(event))

    def suspend(self) -> None:
        """Ctrl-Z: stop this process once the console has restored the terminal; return when continued."""
        console = self._console if self._link is not None else None
        if console is not None:
            console.suspend(PATIENCE)
        os.kill(os.getpid(), signal.SIGSTOP)
        if console is not None:
            console.resume()

    async def close(self) -> None:
        """Send every listener the rest, for about a second, and restore the terminal."""
        if self._link is not None and self._console is not None:
            link, self._link = self._link, None
            await link.finish(PATIENCE)
            self._console.end(PATIENCE)
            self._console.restore_terminal()
        for writer in (self._lines, self._stream):
            if writer is not None:
                writer.close()

    def _write_line(self, event: Event) -> None:
        if isinstance(event, events.Requests) and self.draws:  # the Workers log none: the console shows them
            text: str | None = plain.requests(event)
        else:
            text = plain.line(event, self._root)
        if text is not None:
            end = "" if isinstance(event, events.Output) else "\n"
            self._lines.write((text + end).encode("utf-8", "backslashreplace"))

    def _lags(self) -> None:
        if not self._is_lagging:
            self._is_lagging = True
            self._on_lagging(True)
            self._loop.call_later(LOOK_AGAIN, self._look_again)

    def _look_again(self) -> None:
        if self._link is not None and self._link.backlog > MOST_UNREAD // 2:
            self._loop.call_later(LOOK_AGAIN, self._look_again)
        else:
            self._is_lagging = False
            self._on_lagging(False)

    def _console_gone(self) -> None:
        if self._console is None or self._link is None:
            return
        unread, self._link = self._link.unread, None
        self._console.end(PATIENCE)
        self._console.restore_terminal()
        lost = f"; {unread} bytes of events were lost" if unread else ""
        self.emit(
            events.Notice(level="warning", text=f"the console has died: plain lines from here on{lost}")
        )


def _lost_lines(count: int) -> bytes:
    return f"{plain.PREFIX}lost: {count} lines: the reader is too slow\n".encode()
