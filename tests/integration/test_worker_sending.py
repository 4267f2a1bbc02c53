"""What a real Worker sends, from whatever it runs; the test plays the Master."""

from __future__ import annotations

import msgspec
import pytest

from devserver.ipc.messages import (
    Broadcast,
    Close,
    ConnectionRow,
    ConnectionsRequested,
    ConnectionTable,
    Handled,
    Send,
)
from tests.integration.worker_driver import Start, WorkerProcess, workers

start = pytest.fixture(workers)


def test_a_sync_handler_waits_for_a_slow_client(start: Start) -> None:
    """5 MiB leave within the credit given: never a byte more, all of it in order, then the unit ends."""
    worker = start(
        """
        def on_receive(conn, data):
            conn.send(bytes(range(256)) * 4096 * 5)
            conn.send(b"end")
        """
    )
    _assert_flows_by_credit(worker)


def test_an_async_handler_is_finished_when_its_data_is_out(start: Start) -> None:
    """A coroutine need not wait: its data waits in the Worker, and so does the end of its unit."""
    worker = start(
        """
        async def on_receive(conn, data):
            if data == b"other":
                return
            conn.send(bytes(range(256)) * 4096 * 5)
            if data == b"drain":
                await conn.drain()
            conn.send(b"end")
        """
    )
    _assert_flows_by_credit(worker)
    job = worker.begin(b"drain", connection=2, window=10)
    other = worker.handle(b"other", connection=3)
    assert other.failure is None
    worker.credit(6 * 1024 * 1024, connection=2)
    assert worker.until(Handled).job == job
    assert worker.sent[2].endswith(b"\xffend")


def _assert_flows_by_credit(worker: WorkerProcess) -> None:
    window, total = 300_000, 5 * 1024 * 1024 + 3
    job = worker.begin(b"go", window=window)
    sent, granted, longest = b"", window, 0
    while len(sent) < total:
        message = worker.next()
        assert isinstance(message, Send)
        sent += message.data
        longest = max(longest, len(message.data))
        assert len(sent) <= granted
        assert message.more == (len(sent) < total - 3)
        if len(sent) == granted:
            worker.credit(500_000)
            granted += 500_000
    assert longest <= 256 * 1024
    assert sent == bytes(range(256)) * 4096 * 5 + b"end"
    assert worker.until(Handled).job == job


def test_close_comes_after_what_was_sent(start: Start) -> None:
    """conn.close() overtakes nothing, even when the data has to wait."""
    worker = start(
        """
        async def on_receive(conn, data):
            conn.send(b"0123456789")
            conn.close()
        """
    )
    worker.begin(window=4)
    assert worker.next() == Send(1, b"0123", more=True)
    worker.credit(100)
    assert [worker.next(), worker.next()] == [Send(1, b"456789"), Close(1)]


@pytest.mark.parametrize("kind", ["", "async "])
def test_a_handler_sees_all_connections(start: Start, kind: str) -> None:
    """conn.server.connections asks the Master in the middle of a handler; units that come meanwhile wait."""
    worker = start(
        f"""
        {kind}def on_receive(conn, data):
            if data == b"who":
                rows = conn.server.connections
                conn.send(repr([(row.id, row.peer, row.transport, row.state) for row in rows]))
            else:
                conn.server.send(2, b"private")
                conn.server.broadcast("all", exclude=[conn, 9])
        """
    )
    job = worker.begin(b"who")
    asked = worker.until(ConnectionsRequested)
    later = worker.begin(b"say", connection=2)
    row = ConnectionRow(4, ("::1", 80), "tcp", msgspec.msgpack.encode({"name": "Ada"}))
    worker.send(ConnectionTable(asked.request, (row,)))
    assert worker.until(Handled).job == job
    assert worker.sent[1] == b"[(4, ('::1', 80), 'tcp', {'name': 'Ada'})]"
    assert worker.until(Broadcast) == Broadcast(b"all", (2, 9))
    assert worker.sent[2] == b"private"
    assert worker.until(Handled).job == later


def test_threads_send_and_ask_too(start: Start) -> None:
    """Another thread may send and ask for the connections while the handler waits for it."""
    worker = start(
        """
        import asyncio, threading
        def work(conn):
            conn.send(f"{len(conn.server.connections)} open")
        def on_receive(conn, data):
            thread = threading.Thread(target=work, args=[conn])
            thread.start()
            thread.join()
        async def on_close(conn):
            await asyncio.to_thread(work, conn)
        """
    )
    for kind in ("receive", "close"):
        worker.sent.clear()
        job = worker.begin(kind=kind)
        worker.send(ConnectionTable(worker.until(ConnectionsRequested).request, ()))
        assert worker.until(Handled).job == job
        assert worker.sent[1] == b"0 open"
