"""The clients' side of the Master: connections of handlers and of HTTP, and the line in which they wait for
Workers.

Law: as `switchboard.py` and `http/front.py` have it, for each its own; this joins them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from devserver.common.events import Event
from devserver.common.failure import Failure
from devserver.common.file_reader import Reader
from devserver.config import Config
from devserver.ipc.messages import BootDone
from devserver.master.connection_limit import ConnectionLimit, Factory
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.worker import Worker
from devserver.master.handlers.router import Router
from devserver.master.http.gateway import Gateway

LARGEST = 16 * 1024 * 1024
"""Bytes of the target that are looked at."""
LOOK = 1.0
"""Seconds that may take."""


class Clients:
    """`stamp` and `is_settled` decide what may start. `changed` and `on_idle` are the Dispatcher's."""

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
        self.seems_native = False
        self._native: bool | None = None
        self.dispatcher = Dispatcher(changed, on_idle)
        self.board = Router(config.limits, self.dispatcher, stamp, is_settled, emit, changed)
        self.front = Gateway(config, self.dispatcher, self.board, is_settled, emit)
        self._connection_limit = ConnectionLimit(self.board, self.front, self._has_only_handlers)

    @property
    def open(self) -> int:
        """Return how many connections are open."""
        return self._connection_limit.open

    def factories(self) -> dict[str, Factory]:
        """Return what makes the protocol of a new connection, by the kind of its listener."""
        return self._connection_limit.factories()

    def _has_only_handlers(self) -> bool:
        return self.seems_native if self._native is None else self._native

    async def look(self) -> None:
        """Nothing has run yet: see whether the target's text looks as if it served TCP."""
        with suppress(TimeoutError):
            self.seems_native = b"def on_receive" in (await self._text.read(LOOK) or b"")

    # the generations

    def go_live(self, generation: int, ready: BootDone) -> None:
        """Every unit starts on this generation from now on."""
        self._native = not ready.app and bool(ready.handlers)
        self.dispatcher.go_live(generation)
        self.board.speak(ready.handlers, ready.framing)
        self.front.go_live(generation, ready.app, ready.handlers)

    def refused(self, failures: tuple[Failure, ...]) -> None:
        """There is no good code yet, and this is why."""
        self.front.refused(failures)

    def release(self) -> None:
        """Some edit was settled: let through what waited for it."""
        self.board.release()
        self.front.release()

    # the end

    def stop_reading(self) -> None:
        """Take nothing more; what was received is still answered, and what lasts is told to end."""
        self.board.stop_reading()
        self.front.stop()

    @property
    def quiet(self) -> bool:
        """Tell whether nothing runs and nothing waits."""
        return self.dispatcher.quiet and self.board.quiet and self.front.quiet

    @property
    def gone(self) -> bool:
        """Tell whether no connection is left."""
        return not self.board.connections and not self.front.face.open

    def close_all(self) -> None:
        """Close each connection once what was sent to it is out."""
        self.board.close_all()
        self.front.face.shut_down()

    def abort_all(self) -> None:
        """Close every connection now."""
        self.board.abort_all()
        self.front.face.abort()
