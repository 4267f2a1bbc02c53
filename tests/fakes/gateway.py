"""The real Gateway and Dispatcher, with fake Workers behind them and fake clients before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from devserver.common.events import Event
from devserver.common.failure import Failure
from devserver.config import Config, HttpConfig, LimitsConfig, ProcessConfig, WatchConfig
from devserver.ipc.messages import AppKind, BootDone, StreamMessage, Target
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.live_code import live_code
from devserver.master.http.gateway import Gateway
from tests.fakes.clock import turns
from tests.fakes.http_client import FakeClient, FakeUvicornProtocol
from tests.fakes.worker import FakeWorker

M = TypeVar("M")
Headers = list[tuple[bytes, bytes]]


class FakeRouter:
    """The handlers' router, as far as the Gateway knows it: it stamps edits."""

    def __init__(self) -> None:
        self.newest = 0

    def stamp(self) -> int:
        return self.newest


class GatewayHarness:
    """The Gateway, its Dispatcher and the Master's part in a reload. Edits in `pending` are not settled."""

    def __init__(
        self,
        http: HttpConfig | None = None,
        *,
        waiting: int = 10_000,
        boot_timeout: float = 60.0,
        live: int = 1,
    ) -> None:
        self.events: list[Event] = []
        self.pending: set[int] = set()
        self.router = FakeRouter()
        self.idle: list[int] = []
        """The Workers that were reported idle, in order."""
        self.dispatcher = Dispatcher(lambda: None, lambda worker: self.idle.append(worker.id))
        config = Config(
            target=Target("app", ()),
            watch=WatchConfig(root="/project"),
            http=http or HttpConfig(),
            process=ProcessConfig(boot_timeout=boot_timeout),
            limits=LimitsConfig(waiting=waiting),
        )
        is_settled: Callable[[int], bool] = lambda stamp: stamp not in self.pending  # noqa: E731
        self.gateway = Gateway(
            config, self.dispatcher, cast(Any, self.router), is_settled, self.events.append
        )
        self._workers = 0
        if live:
            self.go_live(live)

    def worker(self, generation: int = 1, capacity: int = 0) -> FakeWorker:
        """Add a Worker that is ready; it gets the requests that wait."""
        self._workers += 1
        worker = FakeWorker(self._workers, generation, capacity)
        self.dispatcher.add(cast(Any, worker))
        self.dispatcher.accept(cast(Any, worker), worker.capacity)
        self.dispatcher.pump()
        return worker

    def is_idle(self, worker: FakeWorker) -> bool:
        """Return whether the Worker has no job."""
        return self.dispatcher.is_idle(cast(Any, worker))

    def save(self) -> int:
        """Notice an edit; return its number."""
        self.router.newest += 1
        self.pending.add(self.router.newest)
        return self.router.newest

    def go_live(self, generation: int, app: AppKind = "asgi", handlers: tuple[str, ...] = ()) -> None:
        """Settle every edit, and serve this generation from now on: as Clients does, line first."""
        self.pending.clear()
        self.dispatcher.go_live(live_code(BootDone(0, generation, handlers, app=app)))
        self.dispatcher.pump()
        self.gateway.on_code_live(generation)

    def refuse(self, *failures: Failure) -> None:
        """Settle every edit: the new code was refused."""
        self.pending.clear()
        if failures:
            self.gateway.on_code_refused(failures)
        self.gateway.on_settled()

    def kill(self, worker: FakeWorker, reason: str = "killed") -> None:
        """Let a Worker die."""
        self.dispatcher.bar(cast(Any, worker))
        self.dispatcher.remove(cast(Any, worker), reason)

    async def hears(self, worker: FakeWorker, *news: StreamMessage) -> None:
        """Receive messages of a Worker, and let them have their effect."""
        for message in news:
            self.gateway.on_message(cast(Any, worker), message)
        await turns()

    async def request(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Headers | None = None,
        query: bytes = b"",
        address: str = "127.0.0.1",
        host: bytes = b"localhost",
    ) -> FakeClient:
        """Send a request of a new client, from that address."""
        connection = FakeUvicornProtocol()
        scope = {**_scope("http", path, query, headers, host), "client": (address, 50000)}
        client = FakeClient(
            self.gateway, {**scope, "method": method, "state": {"connection": connection}}, connection
        )
        await turns()
        return client

    async def websocket(
        self, path: str = "/ws", *, headers: Headers | None = None, query: bytes = b""
    ) -> FakeClient:
        """Send a WebSocket handshake of a new client."""
        client = FakeClient(self.gateway, _scope("websocket", path, query, headers), FakeUvicornProtocol())
        client.says.put_nowait({"type": "websocket.connect"})
        await turns()
        return client

    def said(self, kind: type[M]) -> list[M]:
        """Return the events of this kind that were emitted."""
        return [event for event in self.events if isinstance(event, kind)]


def _scope(
    kind: str, path: str, query: bytes, headers: Headers | None, host: bytes = b"localhost"
) -> dict[str, Any]:
    return {
        "type": kind,
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", host), *(headers or [])],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "subprotocols": [],
    }
