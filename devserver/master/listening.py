"""Opens and closes listeners as the code asks for it that is live or refused; reports when it is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from devserver.common import events
from devserver.common.errors import DevserverError
from devserver.common.events import Event
from devserver.common.tasks import Tasks
from devserver.config import Config
from devserver.master.clients import Clients
from devserver.master.listen.policy import ListenPolicy
from devserver.master.reload.generations import Generations


class Listening:
    """`fail` takes an error with which the run ends."""

    def __init__(
        self,
        config: Config,
        clients: Clients,
        generations: Generations,
        emit: Callable[[Event], None],
        fail: Callable[[DevserverError], None],
    ) -> None:
        self._policy = ListenPolicy(config, clients.factories(), emit)
        self._clients = clients
        self._generations = generations
        self._emit = emit
        self._fail = fail
        self._tasks = Tasks(asyncio.get_running_loop())

    async def open_first(self) -> None:
        """Listen where the command names addresses. Raises ListenError."""
        await self._clients.guess_tcp()
        await self._policy.open_first()

    def announce(self) -> None:
        """Report where clients can connect."""
        self._policy.announce()

    def close(self) -> None:
        """Stop accepting; connections live on."""
        self._policy.close()

    def on_code_live(self, *, tcp: bool, first: bool, then: Callable[[], None]) -> None:
        """Newer code is live, which serves TCP or does not; call `then` once the listeners are as it asks."""
        self._do(self._follow(tcp, first, then))

    def on_code_refused(self) -> None:
        """The first code was refused: if the target seems to serve TCP, let its clients connect and wait."""
        self._do(self._expect())

    async def _follow(self, tcp: bool, first: bool, then: Callable[[], None]) -> None:
        await self._policy.follow(tcp)
        if first:
            self._emit(events.Ready(generation=self._generations.live, listeners=self._policy.all))
        then()

    async def _expect(self) -> None:
        await self._clients.guess_tcp()
        if self._clients.seems_to_serve_tcp and not self._generations.live:
            await self._policy.follow(True)

    def _do(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` as a task; a DevserverError of it ends the run."""

        async def run() -> None:
            try:
                await work
            except DevserverError as error:
                self._fail(error)

        self._tasks.start(run())
