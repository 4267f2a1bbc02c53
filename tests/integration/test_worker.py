"""A real Worker, forked, runs handlers; the test plays the Master."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from devserver.common.framing import Lines
from devserver.ipc.messages import (
    Broadcast,
    Close,
    ConnectionRow,
    ConnectionsRequested,
    ConnectionTable,
    Failed,
    Handled,
    Send,
)
from tests.integration.worker_driver import Start, workers

start = pytest.fixture(workers)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_sync_handlers_answer_in_order(start: Start, loop: str) -> None:
    """What a sync handler sends comes out in its order, text as UTF-8, and its unit ends after it."""
    worker = start(
        """
        def on_receive(conn, data):
            conn.send("é ")
            conn.send(data)
            conn.send(bytearray(b" end"))
        """,
        loop=loop,
    )
    assert [worker.reply(b"%d" % i) for i in range(3)] == [f"é {i} end".encode() for i in range(3)]
    assert worker.leave() == 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_async_handlers_run_side_by_side(start: Start, loop: str) -> None:
    """A coroutine that waits for another connection's unit does not keep it from running."""
    worker = start(
        """
        import asyncio
        asked = asyncio.Event()

        async def on_receive(conn, data):
            if data == b"wait":
                await asked.wait()
            else:
                asked.set()
            conn.send(data)
        """,
        loop=loop,
    )
    waiting = worker.begin(b"wait", connection=1)
    asking = worker.begin(b"go", connection=2)
    assert {worker.until(Handled).job, worker.until(Handled).job} == {waiting, asking}
    assert worker.sent == {1: b"wait", 2: b"go"}


def test_ready_reports_what_the_module_has(start: Start) -> None:
    """The Master learns the handlers' names, the protocol, how much may run at once, and the times."""
    worker = start(
        """
        from devserver import Lines
        protocol = Lines(maximum=99)
        async def on_connect(conn): ...
        async def on_receive(conn, data): ...
        """,
        ready=False,
    )
    ready = worker.ready()
    assert (ready.worker, ready.generation) == (7, 3)
    assert ready.handlers == ("on_connect", "on_receive")
    assert ready.framing == Lines(maximum=99)
    assert ready.capacity == 0
    assert ready.import_ms > 0


def test_conn_names_its_client(start: Start) -> None:
    """A handler sees id, peer and transport, and the same `conn` is equal from unit to unit."""
    worker = start(
        """
        seen = set()
        def on_connect(conn):
            seen.add(conn)
        def on_receive(conn, data):
            conn.send(f"{conn.id} {conn.peer} {conn.transport} {conn in seen} {conn.server.generation}")
        """
    )
    worker.handle(kind="connect", connection=5)
    assert worker.reply(connection=5) == b"5 ('127.0.0.1', 4005) tcp True 3"


def test_a_handler_that_raises_is_reported_and_the_worker_lives_on(start: Start) -> None:
    """Whatever a handler raises, even an exit, ends its unit only; the traceback shows the app's lines."""
    worker = start(
        """
        import asyncio
        def on_receive(conn, data):
            conn.send(b"before ")
            raise {b"error": ValueError("no"), b"exit": SystemExit(4), b"int": KeyboardInterrupt(),
                   b"cancel": asyncio.CancelledError()}[data]
        async def on_close(conn):
            raise SystemExit
        """
    )
    failure = worker.handle(b"error").failure
    assert failure is not None
    assert (failure.phase, failure.type, failure.message) == ("handler", "ValueError", "no")
    assert [Path(frame.path).name for frame in failure.frames] == ["app.py"]
    assert worker.sent[1] == b"before "
    exits = [worker.handle(data).failure for data in (b"exit", b"int", b"cancel")]
    assert [exit.type for exit in exits if exit] == [
        "SystemExit",
        "KeyboardInterrupt",
        "asyncio.exceptions.CancelledError",
    ]
    closed = worker.handle(kind="close").failure
    assert closed is not None
    assert closed.message == "the app exited in a handler: sys.exit()"
    assert worker.leave() == 0


def test_state_is_stored_when_the_handler_returns(start: Start) -> None:
    """The Master gets the state once, when it has changed; nothing when it has not, or the handler raised."""
    worker = start(
        """
        async def on_connect(conn):
            conn.state = {"n": 0}
        def on_receive(conn, data):
            conn.state["n"] += 1
            if data == b"undo":
                conn.state["n"] -= 1
            if data == b"raise":
                raise ValueError
        """
    )
    stored = worker.handle(kind="connect").state
    assert stored is not None
    assert msgspec.msgpack.decode(stored) == {"n": 0}
    assert worker.handle(b"", state=stored).state == msgspec.msgpack.encode({"n": 1})
    assert worker.handle(b"undo", state=stored).state is None
    assert worker.handle(b"raise", state=stored).state is None


def test_a_value_that_cannot_be_kept_fails_the_job_by_name(start: Start) -> None:
    """What the state cannot keep is reported with its key, also if it was put into a nested list unseen."""
    worker = start(
        """
        def on_receive(conn, data):
            conn.state["tags"] = []
            if data == b"nested":
                conn.state["tags"].append({1})
            else:
                conn.state["user"] = {1}
        """
    )
    for data, key in ((b"direct", "['user']"), (b"nested", "['tags'][0]")):
        handled = worker.handle(data)
        assert handled.failure is not None
        assert handled.failure.message == f"conn.state{key}: a set cannot be kept; use a list"
        assert handled.state is None


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_failures_outside_a_job_are_reported(start: Start, loop: str) -> None:
    """What a background task raises, even an exit, reaches the Master, and the Worker serves on."""
    worker = start(
        """
        import asyncio, gc, sys
        async def fail(error):
            raise error
        async def on_receive(conn, data):
            error = SystemExit(9) if data == b"exit" else KeyError("lost")
            asyncio.create_task(fail(error))
            await asyncio.sleep(0)
            gc.collect()
            conn.send(data)
        """,
        loop=loop,
    )
    assert worker.reply(b"fail") == b"fail"
    assert worker.until(Failed).failure.type == "KeyError"
    worker.begin(b"exit")
    said = sorted((worker.next() for _ in range(3)), key=lambda message: type(message).__name__)
    assert [type(message) for message in said] == [Failed, Handled, Send]
    assert isinstance(said[0], Failed)
    assert said[0].failure.type == "SystemExit"
    assert worker.leave() == 0


def test_the_sample_is_a_chat(start: Start) -> None:
    """The sample answers each line, keeps names in the state, and says the rest to the room."""
    sample = Path(__file__).parents[2] / "sample_app" / "handlers.py"
    worker = start(sample.read_text())
    assert worker.reply(b"hello") == b"Receive something\n"
    named = worker.handle(b"/name Ada").state
    assert named == msgspec.msgpack.encode({"name": "Ada"})
    worker.begin(b"hi all", state=named)
    assert worker.until(Broadcast) == Broadcast(b"Ada: hi all\n", (1,))
    worker.until(Handled)
    worker.sent.clear()
    worker.begin(b"/who", state=named)
    rows = tuple(ConnectionRow(i, ("::1", i), "tcp", state) for i, state in ((1, named), (2, b"\x80")))
    worker.send(ConnectionTable(worker.until(ConnectionsRequested).request, rows))
    worker.until(Handled)
    assert worker.sent[1] == b"Receive something\nHere: Ada, guest 2\n"
    worker.begin(b"/bye")
    assert worker.until(Close) == Close(1)
