"""A real Worker, forked, runs handlers; the test plays the Master."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from devserver.framing import Lines
from devserver.wire.messages import (
    Broadcast,
    Close,
    ConnectionRow,
    Connections,
    ConnectionsAsked,
    Debugging,
    Failed,
    Handled,
    Send,
)
from tests.integration.worker_driver import Start, WorkerProcess, workers

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
    assert {worker.until(Handled).unit, worker.until(Handled).unit} == {waiting, asking}
    assert worker.sent == {1: b"wait", 2: b"go"}


def test_ready_tells_what_the_module_has(start: Start) -> None:
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


def test_conn_tells_who_it_is(start: Start) -> None:
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


def test_a_value_that_cannot_be_kept_fails_the_unit_by_name(start: Start) -> None:
    """What the state cannot keep is said with its key, also if it was put into a nested list unseen."""
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
    unit = worker.begin(b"drain", connection=2, window=10)
    other = worker.handle(b"other", connection=3)
    assert other.failure is None
    worker.credit(6 * 1024 * 1024, connection=2)
    assert worker.until(Handled).unit == unit
    assert worker.sent[2].endswith(b"\xffend")


def _assert_flows_by_credit(worker: WorkerProcess) -> None:
    window, total = 300_000, 5 * 1024 * 1024 + 3
    unit = worker.begin(b"go", window=window)
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
    assert worker.until(Handled).unit == unit


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
    unit = worker.begin(b"who")
    asked = worker.until(ConnectionsAsked)
    later = worker.begin(b"say", connection=2)
    row = ConnectionRow(4, ("::1", 80), "tcp", msgspec.msgpack.encode({"name": "Ada"}))
    worker.tell(Connections(asked.request, (row,)))
    assert worker.until(Handled).unit == unit
    assert worker.sent[1] == b"[(4, ('::1', 80), 'tcp', {'name': 'Ada'})]"
    assert worker.until(Broadcast) == Broadcast(b"all", (2, 9))
    assert worker.sent[2] == b"private"
    assert worker.until(Handled).unit == later


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
        unit = worker.begin(kind=kind)
        worker.tell(Connections(worker.until(ConnectionsAsked).request, ()))
        assert worker.until(Handled).unit == unit
        assert worker.sent[1] == b"0 open"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_failures_outside_a_unit_are_reported(start: Start, loop: str) -> None:
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


def test_a_breakpoint_is_told_to_the_master(start: Start) -> None:
    """While breakpoint() has the Worker the Master knows; with the end of the unit it has let go."""
    worker = start(
        """
        def on_receive(conn, data):
            breakpoint()
            conn.send(b"on")
        """
    )
    unit = worker.begin()  # pdb finds stdin at its end, and quits by raising BdbQuit
    assert worker.until(Debugging) == Debugging(True, 7)
    worker.tell(Debugging(True, 7))  # till then it waits: what it prints is for the debugger's terminal
    assert worker.until(Debugging) == Debugging(False, 7)
    worker.tell(Debugging(False, 7))
    assert worker.until(Handled).unit == unit
    worker.leave()
    assert "app.py(" in worker.output
    assert "debugger.py" not in worker.output  # it stops in the app, not in this package


def test_breakpoints_can_be_switched_off(start: Start) -> None:
    """PYTHONBREAKPOINT=0 makes breakpoint() do nothing, and nobody hears of it."""
    worker = start(
        """
        import os

        def on_receive(conn, data):
            os.environ["PYTHONBREAKPOINT"] = "0"
            breakpoint()
            conn.send(b"on")
        """
    )
    worker.begin()
    assert isinstance(worker.next(), Send)
    assert worker.until(Handled).failure is None


def test_another_debugger_has_the_worker_until_the_unit_ends(start: Start) -> None:
    """A debugger of the app's choice is called as ever; it is over when the handler is."""
    worker = start(
        """
        import os

        def debugger():
            print("here")

        def on_receive(conn, data):
            os.environ["PYTHONBREAKPOINT"] = "app.debugger"
            breakpoint()
            conn.send(b"on")
        """
    )
    worker.begin()
    assert worker.next() == Debugging(True, 7)
    worker.tell(Debugging(True, 7))
    assert isinstance(worker.next(), Send)
    assert worker.next() == Debugging(False, 7)
    worker.tell(Debugging(False, 7))
    assert worker.until(Handled).failure is None
    worker.leave()
    assert "here" in worker.output


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
    worker.tell(Connections(worker.until(ConnectionsAsked).request, rows))
    worker.until(Handled)
    assert worker.sent[1] == b"Receive something\nHere: Ada, guest 2\n"
    worker.begin(b"/bye")
    assert worker.until(Close) == Close(1)
