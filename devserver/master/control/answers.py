"""Answers each request that comes over the control socket.

Law: `wait` answers for the files on the disk when the client asks. It reads their changes first. Then it
waits, as a request to the app does, until all edits up to the newest are settled.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, assert_never

import msgspec

from devserver import __version__
from devserver.common.events import Event, Requests, Stopped
from devserver.control import protocol
from devserver.control.protocol import Reply, Request, Verdict
from devserver.ipc.messages import RoutesRead
from devserver.master.control.journal import Journal, requests_in
from devserver.master.control.output_file import OutputFile
from devserver.master.control.verdict import is_settled, verdict
from devserver.master.dispatch.live_routes import NotRead
from devserver.master.reload.generations import Generations

_Listing = protocol.AskLogs | protocol.AskErrors | protocol.AskRequests | protocol.AskRoutes
MOST_UNSENT = 10_000
"""Lines by which a follower may lag behind."""


class Routes(Protocol):
    """Reads the routes of the live app."""

    async def read(self) -> RoutesRead:
        """Return them. Raises NotRead."""


class Server(Protocol):
    """The part of the Master that requests need."""

    generations: Generations
    rereads: int
    """How often all files were read for a requested reload."""

    async def newest_edit_on_disk(self) -> int:
        """Return the number of the newest edit, after the Master has read the present files."""

    def request_reload(self) -> None:
        """Read all files, and start their code; `rereads` counts it once they are read."""

    def next_decision(self) -> Awaitable[object]:
        """Return an awaitable of the first decision after this call, however late the waiting begins."""


class Answers:
    """`stop` is called with the reason. `output` is the file that all output goes to."""

    def __init__(
        self,
        server: Server,
        routes: Routes,
        journal: Journal,
        root: str,
        stop: Callable[[str], None],
        output: OutputFile | None = None,
    ) -> None:
        self._server = server
        self._routes = routes
        self._journal = journal
        self._root = root
        self._stop = stop
        self._output = output
        self.stopping = asyncio.Event()

    async def answer(self, request: Request) -> AsyncIterator[Reply]:
        """Yield the replies to a request. The caller closes a generator that does not end by itself."""
        match request:
            case protocol.AskStatus():
                yield self._status()
            case protocol.AskWait():
                yield await self._within(request.timeout_s, self._wait())
            case protocol.AskReload():
                yield await self._within(request.timeout_s, self._reload())
            case protocol.AskStop():
                yield protocol.End(note="stopping")
                self._stop("requested by devserver stop")
                await asyncio.Event().wait()
            case _:
                async for reply in self._each(request):
                    yield reply

    def _each(self, request: _Listing) -> AsyncIterator[Reply]:
        match request:
            case protocol.AskLogs():
                return self._logs(request)
            case protocol.AskErrors():
                return self._errors(request.since)
            case protocol.AskRequests():
                return self._requests(request)
            case protocol.AskRoutes():
                return self._read_routes()
            case _:
                assert_never(request)

    # whether the disk's code is live

    async def _within(self, timeout_s: float, work: Awaitable[None]) -> Verdict:
        settled = False
        try:
            async with asyncio.timeout(max(timeout_s, 0.0)):
                await work
                settled = True
        except TimeoutError:
            pass
        return verdict(self._server.generations, self._journal, settled, self._root)

    async def _wait(self) -> None:
        edit = await self._server.newest_edit_on_disk()
        while not is_settled(self._server.generations, edit) and not self.stopping.is_set():
            await self._turn()

    async def _reload(self) -> None:
        rereads = self._server.rereads
        self._server.request_reload()
        while self._server.rereads == rereads and not self.stopping.is_set():
            await self._turn()
        await self._wait()
        while self._server.generations.candidates and not self.stopping.is_set():
            await self._turn()

    async def _turn(self) -> None:
        turns = [
            asyncio.ensure_future(self._server.next_decision()),
            asyncio.ensure_future(self.stopping.wait()),
        ]
        try:
            await asyncio.wait(turns, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for turn in turns:
                turn.cancel()

    def _now(self) -> Verdict:
        generations = self._server.generations
        return verdict(generations, self._journal, is_settled(generations, generations.edit), self._root)

    def _status(self) -> protocol.Status:
        journal, started = self._journal, self._journal.started
        urls = [str(each) for each in journal.listeners if each.kind in ("http", "https")]
        return protocol.Status(
            code=self._now(),
            devserver=__version__,
            pid=os.getpid(),
            target=started.target if started else "",
            root=self._root,
            started_at=started.at if started else 0.0,
            urls=tuple(urls),
            listeners=journal.listeners,
            workers=tuple(journal.workers.values()),
            connections=journal.connections,
            waiting=journal.waiting,
            requests=journal.requested,
            failed=journal.failed,
            output=self._output.path if self._output else "",
        )

    # output and failures

    async def _errors(self, since: float) -> AsyncIterator[Reply]:
        code = self._now()
        current = [
            protocol.ErrorSeen(at=time.time(), current=True, what=code.headline, failure=failure)
            for failure in code.failures
        ]
        past = [each for each in self._journal.errors(since) if each.failure not in code.failures]
        for error in (*current, *past):
            yield error
        yield protocol.End()

    async def _read_routes(self) -> AsyncIterator[Reply]:
        try:
            read = await self._routes.read()
        except NotRead as error:
            yield protocol.Problem(sentence=str(error))
            return
        for route in read.routes:
            yield protocol.RouteSeen(**msgspec.structs.asdict(route))
        code = self._now()
        notes = [read.note] if read.note else []
        if code.state == "not-live":
            notes.append(f"these are the routes of the running code: {code.headline}")
        yield protocol.End(note="; ".join(notes))

    async def _logs(self, request: protocol.AskLogs) -> AsyncIterator[Reply]:
        if self._output is not None:
            yield protocol.LogFile(path=self._output.path, offset=self._output.offset(request.since))
            elsewhere = not self._output.is_behind(2)
            note = "standard error, with devserver's own lines, goes elsewhere" if elsewhere else ""
            yield protocol.End(note=note)
            return
        follower = _Follower(self._journal) if request.follow else None
        try:
            for line in self._journal.logged(request.since):
                yield line
            note = self._journal.missing(request.since)
            if not self._journal.has_output:
                where = "the app's output goes to where the server was started, and is not kept here"
                note = f"{where}; {note}" if note else where
            if follower is None:
                yield protocol.End(note=note)
                return
            async for event in follower.events():
                if fresh := self._journal.line(event):
                    yield fresh
            yield protocol.End(note=note or "the server has stopped")
        finally:
            if follower is not None:
                follower.close()

    async def _requests(self, request: protocol.AskRequests) -> AsyncIterator[Reply]:
        journal = self._journal
        follower = _Follower(journal) if request.follow else None
        try:
            for seen in journal.requests(request.since, request.failed):
                yield seen
            if follower is not None:
                async for event in follower.events():
                    for seen in requests_in(event) if isinstance(event, Requests) else ():
                        if seen.status >= 500 or not request.failed:
                            yield seen
            unlisted = journal.unlisted
            note = f"{unlisted:,} more requests were only counted" if unlisted else ""
            yield protocol.End(note=note)
        finally:
            if follower is not None:
                follower.close()


class _Follower:
    """Holds the events of a journal from now on, up to a bound."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._queue: asyncio.Queue[Event] = asyncio.Queue(MOST_UNSENT)
        self.lost = 0
        journal.followers.append(self._heard)

    def close(self) -> None:
        self._journal.followers.remove(self._heard)

    def _heard(self, event: Event) -> None:
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self.lost += 1

    async def events(self) -> AsyncIterator[Event]:
        """Yield the events; the last one reports that the server has stopped."""
        while True:
            event = await self._queue.get()
            yield event
            if isinstance(event, Stopped):
                return
