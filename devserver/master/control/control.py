"""The control socket of one run: records the events, and answers requests."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from devserver.common import events
from devserver.common.errors import DevserverError
from devserver.common.events import Event
from devserver.control import client, protocol, sockets
from devserver.control.sockets import NoControl
from devserver.master.control.answers import Answers, Routes, Server
from devserver.master.control.journal import Journal
from devserver.master.control.output_file import OutputFile
from devserver.master.control.server import ControlServer
from devserver.reporting import plain

LAST_LINES = 0.5
"""Seconds that followers get for the last lines."""


class Control:
    """`emit` takes events about the control socket itself; `captured`: the app's output comes as events."""

    def __init__(self, root: str, emit: Callable[[Event], None], *, captured: bool = False) -> None:
        self._root = root
        self._emit = emit
        self._journal = Journal(partial(plain.line, root=root), captured)
        self._output = None if captured else _output_file()
        self._server: ControlServer | None = None
        self._answers: Answers | None = None
        self._greeting: asyncio.Task[None] | None = None

    def take(self, event: Event) -> None:
        """Record an event."""
        self._journal.take(event)
        if self._output is not None:
            self._output.mark(event.at)
        if isinstance(event, events.Stopping) and self._answers is not None:
            self._answers.stopping.set()

    async def open(self, server: Server, routes: Routes, stop: Callable[[str], None]) -> None:
        """Listen. If the socket cannot be created, report that; the run goes on without it."""
        self._answers = Answers(server, routes, self._journal, self._root, stop, self._output)
        try:
            self._server = ControlServer(self._answers, self._root, os.getcwd())
        except NoControl as error:
            text = f"no control socket ({error}): devserver status, wait and stop cannot reach this server"
            self._emit(events.Notice(level="warning", text=text))
            return
        await self._server.start()
        self._greeting = asyncio.create_task(self._greet())

    async def close(self) -> None:
        """Stop answering."""
        if self._greeting is not None:
            self._greeting.cancel()
        end = time.monotonic() + LAST_LINES
        while self._journal.followers and time.monotonic() < end:
            await asyncio.sleep(0.01)
        if self._server is not None:
            await self._server.close()

    async def _greet(self) -> None:
        """Report the other servers that run in this project; remove the files of those that have exited."""
        for sentence in await asyncio.to_thread(_others, self._root):
            self._emit(events.Notice(level="info", text=sentence))


def _output_file() -> OutputFile | None:
    try:
        return OutputFile(1, tuple(map(str, sockets.candidates())))
    except ValueError:
        return None


def _others(root: str) -> list[str]:
    sockets.sweep()
    sentences = []
    for other in sockets.of_project(root):
        if other.pid == os.getpid():
            continue
        with suppress(DevserverError):
            status = client.ask_once(other, protocol.AskStatus(), 1.0)
            if isinstance(status, protocol.Status) and status.root == root:
                sentences.append(f"{where(status)}; this one runs beside it")
    return sentences


def where(status: protocol.Status) -> str:
    """Return a sentence that names where a server runs."""
    at = f" at {' '.join(status.urls)}" if status.urls else ""
    since = time.strftime("%H:%M:%S", time.localtime(status.started_at))
    return f"devserver runs {status.target} already{at} (pid {status.pid}, since {since})"
