"""The Master, without processes."""

from __future__ import annotations

import asyncio
from typing import Any

from devserver.config import Config, WatchConfig
from devserver.ipc.messages import Target
from devserver.master.master import Master
from tests.fakes.file_watch import NoFileWatch
from tests.fakes.transport import FakeTransport


class BrokenFileWatch(NoFileWatch):
    """A watch that fails."""

    def newest_edit(self) -> int:
        raise KeyError("a fault of our own")


def test_a_fault_in_the_watch_costs_no_client_its_connection() -> None:
    """It is reported, and the frame is handled as one of the newest edit known."""
    reported: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: reported.append(context))
        config = Config(target=Target("app", ()), watch=WatchConfig(root="/"))
        master = Master(config, False, lambda _event: None, lambda _error: None)
        master.attach(BrokenFileWatch())
        client = master.clients.router.connect("tcp")
        client.connection_made(FakeTransport())
        client.data_received(b"hello")
        master.close()

    asyncio.run(main())
    assert [type(context["exception"]) for context in reported] == [KeyError, KeyError]
