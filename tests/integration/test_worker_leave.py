"""A real Worker leaves: when it is ordered to, when it is terminated, when the Master is gone."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from devserver.ipc.messages import Failed, Handled, Leave, Leaving, Open, Respond, Send, TasksCancelled
from tests.fakes.asgi_streams import a_scope
from tests.harness import eventually
from tests.integration.worker_driver import PLENTY, Start, workers

start = pytest.fixture(workers)
PATIENCE = 600.0

STOPS = """
import atexit

atexit.register(print, "atexit")

def on_worker_stop(server):
    print("stop", server.worker)
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_leave_waits_for_what_is_open(start: Start, loop: str) -> None:
    """A unit and the tasks it began finish, tasks of the start-up are ended; then on_worker_stop, atexit."""
    worker = start(
        STOPS
        + """
import asyncio

go, second = asyncio.Event(), asyncio.Event()

async def on_worker_start(server):
    asyncio.create_task(forever())

async def forever():
    try:
        await asyncio.Event().wait()
    finally:
        print("background ended")

async def on_receive(conn, data):
    if data == b"open":
        asyncio.create_task(later(conn))
        await go.wait()
        conn.send(b"unit ")
    elif data == b"go":
        go.set()
    else:
        second.set()

async def later(conn):
    await second.wait()
    conn.send(b"task")
    print("task ended")
""",
        loop=loop,
    )
    job = worker.begin(b"open")
    worker.send(Leave(PATIENCE))
    assert worker.handle(b"go", connection=2).failure is None
    assert worker.until(Handled).job == job
    worker.begin(b"second", connection=3)
    said = worker.rest()
    assert worker.exit_code() == 0
    assert Send(1, b"task") in said
    assert worker.output.split("\n") == ["task ended", "stop 7", "background ended", "atexit", ""]


def test_the_lifespan_ends_after_the_last_request(start: Start) -> None:
    """What an app closes in its shutdown, a pool for one, is not closed under a request that still runs."""
    worker = start(
        """
import asyncio

go = asyncio.Event()

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for what in ("startup", "shutdown"):
            await receive()
            print(what)
            await send({"type": f"lifespan.{what}.complete"})
        return
    if scope["path"] == "/go":
        go.set()
    await go.wait()
    print(scope["path"])
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})
"""
    )
    worker.send(Open(1, a_scope(path="/wait"), False, False, PLENTY))
    worker.send(Leave())
    worker.send(Open(2, a_scope(path="/go"), False, False, PLENTY))
    answered = {message.stream for message in worker.rest() if isinstance(message, Respond)}
    assert worker.exit_code() == 0
    assert answered == {1, 2}
    assert worker.output.split() == ["startup", "/go", "/wait", "shutdown"]


def test_a_failing_stop_is_reported(start: Start) -> None:
    """on_worker_stop that raises is reported with its phase, and the Worker leaves all the same."""
    worker = start("async def on_worker_stop(server):\n    raise ValueError('stop')\n")
    worker.send(Leave())
    leaving, failed = worker.rest()
    assert isinstance(leaving, Leaving)
    assert isinstance(failed, Failed)
    assert (failed.failure.phase, failed.failure.message) == ("stop", "stop")
    assert worker.exit_code() == 0


def test_what_a_background_task_sent_is_not_lost_by_leaving(start: Start) -> None:
    """Data that waits for credit leaves the Worker before the Worker leaves."""
    worker = start(
        "def on_receive(conn, data): ...\nasync def on_worker_stop(server):\n    server.send(1, b'x' * 10)\n"
    )
    worker.handle(window=4)
    worker.send(Leave())
    assert worker.next() == Leaving()
    assert worker.next() == Send(1, b"xxxx", more=True)
    assert worker.next() == Leaving(unsent=True)
    worker.credit(50)
    assert worker.rest() == [Send(1, b"xxxxxx"), Leaving()]
    assert worker.exit_code() == 0


def test_nothing_printed_is_lost(start: Start) -> None:
    """Half a line is out when its unit has ended, even if the Worker is killed then."""
    worker = start(
        """
        import sys
        def on_receive(conn, data):
            print("half a line", end="")
        """
    )
    worker.handle()
    os.kill(worker.pid, signal.SIGKILL)
    worker.exit_code()
    assert worker.output == "half a line"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_sigterm_ends_what_is_open(start: Start, loop: str) -> None:
    """At a limit the Worker is terminated: it reports where its units were, and stops in good order."""
    worker = start(
        STOPS + "import asyncio\nasync def on_receive(conn, data):\n    await asyncio.Event().wait()\n",
        loop=loop,
    )
    worker.begin()
    assert worker.handle(kind="close", connection=2).failure is None
    worker.terminate()
    cancelled, leaving = worker.rest()
    assert isinstance(cancelled, TasksCancelled)
    assert cancelled.in_hand
    assert [(os.path.basename(task.path), task.line) for task in cancelled.tasks] == [("app.py", 10)]
    assert leaving == Leaving()
    assert worker.exit_code() == 0
    assert worker.output.split("\n") == ["stop 7", "atexit", ""]


def test_an_app_that_closes_the_workers_link_gets_the_reason(start: Start) -> None:
    """The worker is of no use any more, and its exit code alone would say nothing."""
    worker = start(
        """
import gc, os

def on_receive(conn, data):
    [link] = [each for each in gc.get_objects() if type(each).__name__ == "MasterLink"]
    os.close(link._channel.fileno())
    conn.send(b"nobody hears this")
"""
    )
    worker.begin()
    assert worker.rest() == []
    worker.terminate()
    worker.exit_code()
    assert worker.output.count("the app has closed this worker's connection to devserver") == 1


ENDLESS = {
    "thread": "threading.Thread(target=endless, name='poll').start()",
    "timer": "again()",
    "executor": "asyncio.get_event_loop().run_in_executor(None, endless)",
}
if sys.version_info >= (3, 12):
    del ENDLESS["timer"]  # no thread can be started any more once the interpreter waits for the others


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_runs_for_ever_is_named_and_does_not_outlive_sigterm(
    start: Start, kind: str, tmp_path: Path
) -> None:
    """A thread that never ends keeps the process from leaving, and not from running atexit when it must."""
    exits = tmp_path / "exits"
    worker = start(
        STOPS
        + """
import asyncio, pathlib, threading, time

def endless():
    while True:
        time.sleep(0.01)

def again():
    threading.Timer(0.01, again).start()

def on_worker_start(server):
    threading._register_atexit(pathlib.Path(EXITS).touch)
    BEGIN
""".replace("BEGIN", ENDLESS[kind]).replace("EXITS", repr(str(exits)))
    )
    worker.send(Leave())
    leaving = worker.next()
    assert isinstance(leaving, Leaving)
    assert len(leaving.threads) == 1 or (kind == "timer" and leaving.threads)  # one begins before one ends
    if kind == "executor":  # the event loop waits for that one, by a thread of its own
        eventually("the loop waits for the thread", lambda: len(os.listdir(f"/proc/{worker.pid}/task")) == 3)
    else:
        eventually("the interpreter waits for the thread", exits.exists)
    worker.terminate()
    worker.rest()
    assert worker.exit_code() == 0
    assert worker.output.split("\n") == ["stop 7", "atexit", ""]


def test_a_loop_that_a_request_began_is_cancelled_and_named(start: Start) -> None:
    """It may go on for the time that it was given, and ends where its name and line are known."""
    worker = start(
        """
import asyncio

async def poller():
    while True:
        await asyncio.sleep(0.01)

async def on_receive(conn, data):
    asyncio.create_task(poller())
    asyncio.create_task(poller())
    await asyncio.sleep(0.1)
"""
    )
    worker.handle()
    worker.send(Leave(0.1))
    leaving, cancelled = worker.rest()
    assert leaving == Leaving()
    assert isinstance(cancelled, TasksCancelled)
    assert not cancelled.in_hand
    found = [(os.path.basename(task.path), task.line, task.function) for task in cancelled.tasks]
    assert found == [("app.py", 6, "poller")]
    assert worker.exit_code() == 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_idle_worker_leaves_when_the_master_is_gone(start: Start, loop: str) -> None:
    """It gets no order: the end of its link is enough."""
    worker = start(STOPS + "def on_receive(conn, data): ...\n", loop=loop)
    worker.channel.close()
    assert worker.exit_code() == 0
    assert worker.output.split("\n") == ["stop 7", "atexit", ""]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_hang_up_of_its_terminal_lets_it_leave_in_good_order(start: Start, loop: str) -> None:
    """When the Master dies, its Workers' terminals hang up; on_worker_stop runs all the same."""
    worker = start(STOPS + "def on_receive(conn, data): ...\n", loop=loop)
    os.kill(worker.pid, signal.SIGHUP)
    assert worker.handle().failure is None
    worker.channel.close()
    assert worker.exit_code() == 0
    assert worker.output.split("\n") == ["stop 7", "atexit", ""]


def test_a_hang_up_ends_a_handler_that_sleeps(start: Start) -> None:
    """A Worker that is blocked for good does not outlive the Master for long."""
    worker = start(
        "import time\ndef on_receive(conn, data):\n    conn.send(b'asleep')\n    time.sleep(999)\n"
    )
    worker.begin()
    worker.next()
    os.kill(worker.pid, signal.SIGHUP)
    assert worker.exit_code() == 128 + signal.SIGALRM


def test_a_worker_that_waits_for_credit_leaves_when_the_master_is_gone(start: Start) -> None:
    """A handler blocked on a slow client is let go."""
    worker = start(STOPS + "def on_receive(conn, data):\n    conn.send(b'x' * 9)\n")
    worker.begin(window=3)
    worker.until(Send)
    worker.channel.close()
    assert worker.exit_code() == 0
    assert worker.output.split("\n") == ["stop 7", "atexit", ""]


def test_a_worker_whose_start_up_hangs_leaves_when_the_master_is_gone(start: Start) -> None:
    """A candidate that is not needed any more does not stay."""
    worker = start(
        "import asyncio\nasync def on_worker_start(server):\n    await asyncio.Event().wait()\n",
        ready=False,
    )
    worker.next()  # the module was read
    worker.channel.close()
    assert worker.exit_code() in (128 + signal.SIGTERM, 128 + signal.SIGALRM)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_pool_of_the_app_does_not_keep_the_lane(start: Start, loop: str) -> None:
    """A killed Worker's link ends though a child forked by the app lives on; a child's SIGTERM is its own."""
    worker = start(
        """
        import multiprocessing, os, signal
        context = multiprocessing.get_context("fork")
        def nap():
            signal.pause()
        def on_receive(conn, data):
            if data == b"cycle":
                child = context.Process(target=nap)
                child.start()
                child.terminate()
                child.join()
                conn.send(str(child.exitcode))
            else:
                child = context.Process(target=nap, daemon=True)
                child.start()
                conn.send(str(child.pid))
        def on_close(conn):
            child = context.Process(target=use, args=[conn])
            child.start()
            child.join()
            conn.send(str(child.exitcode))
        def use(conn):
            try:
                conn.send(b"from the child")
            except Exception as error:
                os._exit(40)
        """,
        loop=loop,
    )
    assert worker.reply(b"cycle") == b"-15"
    assert worker.reply(kind="close") == b"40"
    child = int(worker.reply(b"keep"))
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.rest() == []
    os.kill(child, 0)  # it lives
    os.kill(child, signal.SIGKILL)
