"""The clients' side of the Master: the handlers' connections, those of HTTP, and the queue for Workers.

Law: the Router's and the Gateway's laws hold for their own connections; this module joins them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, get_args

from devserver.common.events import Event
from devserver.common.failure import Failure
from devserver.common.file_reader import Reader
from devserver.config import Config
from devserver.ipc.messages import BootDone, FromWorker, StreamMessage
from devserver.master.connection_limit import ConnectionLimit, Factory
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.live_code import live_code
from devserver.master.dispatch.worker import Worker
from devserver.master.handlers.router import ConnectionMessage, Router
from devserver.master.http.gateway import Gateway

LARGEST = 16 * 1024 * 1024
"""Bytes of the target that are read."""
READ_WITHIN = 1.0
"""Seconds that this may take."""


class Clients:
    """`stamp` and `is_settled` decide what may start. `changed` and `on_idle` are those of the Dispatcher."""

    def __init__(
        self,
        config: Config,
        stamp: Callable[[], int],
        is_settled: Callable[[int], bool],
        emit: Callable[[Event], None],
        changed: Callable[[], None],
        on_idle: Callable[[Worker], None],
    ) -> None:
        self._text = Reader(config.target.path, LARGEST)
        self.seems_to_serve_tcp = False
        self.dispatcher = Dispatcher(changed, on_idle)
        self.router = Router(config.limits, self.dispatcher, stamp, is_settled, emit, changed)
        self.gateway = Gateway(config, self.dispatcher, self.router, is_settled, emit)
        self._connection_limit = ConnectionLimit(self.router, self.gateway, self._has_only_handlers, emit)

    @property
    def open(self) -> int:
        """Return how many connections are open."""
        return self._connection_limit.open

    def factories(self) -> dict[str, Factory]:
        """Return the factories of protocols for new connections, by the kind of the listener."""
        return self._connection_limit.factories()

    def message_handlers(self) -> dict[type[FromWorker], Callable[[Worker, Any], None]]:
        """Return the handlers of a Worker's messages about clients' jobs, by the message's type."""
        of_streams = [each for each in get_args(FromWorker) if issubclass(each, StreamMessage)]
        of_connections = get_args(ConnectionMessage)
        return {
            **dict.fromkeys(of_streams, self.gateway.on_message),
            **dict.fromkeys(of_connections, self.router.on_message),
        }

    def _has_only_handlers(self) -> bool:
        code = self.dispatcher.code
        return code.only_handlers if code.generation else self.seems_to_serve_tcp

    async def guess_tcp(self) -> None:
        """Guess from the target's text whether it serves TCP, because no code has run yet."""
        with suppress(TimeoutError):
            self.seems_to_serve_tcp = b"def on_receive" in (await self._text.read(READ_WITHIN) or b"")

    # the generations

    def go_live(self, boot: BootDone) -> None:
        """Start every job on this code from now on."""
        self.dispatcher.go_live(live_code(boot))
        self.router.on_code_live()
        self.gateway.on_code_live(boot.generation)

    def on_code_refused(self, failures: tuple[Failure, ...]) -> None:
        """Keep the reason why there is no good code yet."""
        self.gateway.on_code_refused(failures)

    def release(self) -> None:
        """Start the work that waited for an edit that is settled now."""
        self.router.on_settled()
        self.gateway.on_settled()

    # the end

    def stop_reading(self) -> None:
        """Receive nothing more; answer what was received; close WebSockets and event streams."""
        self.router.stop_reading()
        self.gateway.stop()

    @property
    def quiet(self) -> bool:
        """Return whether nothing runs and nothing waits."""
        return self.dispatcher.quiet and self.router.quiet and self.gateway.quiet

    @property
    def gone(self) -> bool:
        """Return whether no connection is left."""
        return not self.router.count and not self.gateway.uvicorn.open

    def close_all(self) -> None:
        """Close each connection once everything that was sent to it has left."""
        self.router.close_all()
        self.gateway.uvicorn.shut_down()

    def abort_all(self) -> None:
        """Close every connection now."""
        self.router.abort_all()
        self.gateway.uvicorn.abort()
