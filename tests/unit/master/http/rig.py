"""A front without sockets: fake Workers that keep what they are told, and clients that keep what they get."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

from devserver.common.events import Event
from devserver.common.failure import Failure
from devserver.config import Config, HttpConfig, LimitsConfig, ProcessConfig, WatchConfig
from devserver.ipc.messages import AppKind, BootDone, Open, StreamNews, Target
from devserver.master.dispatch.dispatcher import Dispatcher
from devserver.master.dispatch.live_code import live_code
from devserver.master.dispatch.queue import JobKind
from devserver.master.http.gateway import Gateway
from tests.unit.clocked import turns

M = TypeVar("M")
Headers = list[tuple[bytes, bytes]]


class FakeLane:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.unsent = 0

    def send(self, message: Any) -> None:
        self.sent.append(message)


class FakeWorker:
    """A Worker that is ready for the app's units; no more than `capacity` of them, if that is not 0."""

    def __init__(self, number: int, generation: int, capacity: int = 0) -> None:
        self.id = number
        self.generation = generation
        self.slot = number
        self.capacity: dict[JobKind, int] = {"native": 1, "app": capacity}
        self.link = FakeLane()

    def told(self, kind: type[M]) -> list[M]:
        """Return what it was told of this kind."""
        return [message for message in self.link.sent if isinstance(message, kind)]

    @property
    def opened(self) -> Open:
        """Return the newest order to run the app."""
        return self.told(Open)[-1]


class FakeRouter:
    """The handlers' side, as far as the front knows it."""

    def __init__(self) -> None:
        self.newest = 0

    def stamp(self) -> int:
        return self.newest


class FakeTransport:
    """Loses its connection as soon as it is closed."""

    def __init__(self, connection: FakeConnection) -> None:
        self.closed = False
        self._connection = connection

    def close(self) -> None:
        self.closed = True
        asyncio.get_running_loop().call_soon(self._connection.lose)

    def cork(self) -> None:
        pass

    def uncork(self) -> None:
        pass


class FakeConnection:
    """A client's connection, as uvicorn's protocol."""

    def __init__(self) -> None:
        self.listener: Any = None
        self.transport = self.corked = FakeTransport(self)

    def lose(self) -> None:
        if self.listener is not None:
            self.listener.on_client_left()


class Client:
    """Somebody who asks, or has a WebSocket. `got` is every event that uvicorn would write."""

    def __init__(self, gateway: Gateway, scope: dict[str, Any], connection: FakeConnection) -> None:
        self.got: list[dict[str, Any]] = []
        self.says: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.connection = connection
        self.asked = 0
        """How often the front wanted more of it."""
        self.reads = asyncio.Event()
        self.reads.set()
        self.fails: Exception | None = None
        self.task = asyncio.get_running_loop().create_task(gateway.app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        self.asked += 1
        return await self.says.get()

    async def _send(self, event: dict[str, Any]) -> None:
        await self.reads.wait()
        if self.fails is not None:
            raise self.fails
        self.got.append(event)

    def says_body(self, data: bytes, more: bool = False) -> None:
        self.says.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def says_text(self, text: str) -> None:
        self.says.put_nowait({"type": "websocket.receive", "text": text})

    async def leaves(self) -> None:
        """Close the connection, whatever is under way."""
        self.says.put_nowait({"type": "websocket.disconnect", "code": 1005})
        self.connection.lose()
        await turns()

    @property
    def status(self) -> int:
        """Return the status that it got, 0 if none yet."""
        return next((event["status"] for event in self.got if "status" in event), 0)

    @property
    def body(self) -> bytes:
        """Return what it got of the body."""
        return b"".join(event.get("body", b"") for event in self.got)

    @property
    def complete(self) -> bool:
        """Tell whether the response has come to its proper end."""
        return bool(self.got) and self.got[-1].get("more_body") is False

    @property
    def messages(self) -> list[Any]:
        """Return the messages that it got."""
        said = [event for event in self.got if event["type"] == "websocket.send"]
        return [event.get("text", event.get("bytes")) for event in said]


class Office:
    """The front with its dispatcher; edits in `pending` are not settled."""

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
        """Add a Worker, which gets whatever waits for it."""
        self._workers += 1
        worker = FakeWorker(self._workers, generation, capacity)
        self.dispatcher.add(cast(Any, worker))
        self.dispatcher.accept(cast(Any, worker), worker.capacity)
        self.dispatcher.pump()
        return worker

    def is_idle(self, worker: FakeWorker) -> bool:
        """Return whether the Worker has nothing in hand."""
        return self.dispatcher.is_idle(cast(Any, worker))

    def save(self) -> int:
        """An edit is noticed; return its number."""
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
        """Settle every edit: they were broken."""
        self.pending.clear()
        if failures:
            self.gateway.on_code_refused(failures)
        self.gateway.on_settled()

    def kill(self, worker: FakeWorker, reason: str = "killed") -> None:
        """End a Worker."""
        self.dispatcher.bar(cast(Any, worker))
        self.dispatcher.remove(cast(Any, worker), reason)

    async def hears(self, worker: FakeWorker, *news: StreamNews) -> None:
        """Have a Worker say something, and let it have its effect."""
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
    ) -> Client:
        """Have a client ask, from that address."""
        connection = FakeConnection()
        scope = {**_scope("http", path, query, headers, host), "client": (address, 50000)}
        client = Client(
            self.gateway, {**scope, "method": method, "state": {"connection": connection}}, connection
        )
        await turns()
        return client

    async def websocket(
        self, path: str = "/ws", *, headers: Headers | None = None, query: bytes = b""
    ) -> Client:
        """Have a client ask for a WebSocket."""
        client = Client(self.gateway, _scope("websocket", path, query, headers), FakeConnection())
        client.says.put_nowait({"type": "websocket.connect"})
        await turns()
        return client

    def said(self, kind: type[M]) -> list[M]:
        """Return what was shown of this kind."""
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
