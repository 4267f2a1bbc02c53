"""Any process may be killed: connections stay up, and nothing is left behind."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.harness import Client, answering, eventually, free_port, is_gone, serving

SLOW = (
    "from devserver import Lines\n"
    "import time\n"
    "protocol = Lines()\n"
    "def on_receive(conn, data):\n"
    "    conn.state['count'] = conn.state.get('count', 0) + 1\n"
    "    conn.send(f'begin {data.decode()} {conn.state[\"count\"]}\\n')\n"
    "    if data.startswith(b'sleep'):\n"
    "        time.sleep(600)\n"
    "    conn.send(f'end {data.decode()}\\n')\n"
)
POOL = (
    "from concurrent.futures import ProcessPoolExecutor\n"
    "import multiprocessing\n"
    "def on_worker_start(server):\n"
    "    global pool\n"
    "    pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context('fork'))\n"
    "    print('pool', [pool.submit(os.getpid).result() for _ in range(2)], flush=True)\n"
)


def test_a_worker_killed_in_mid_frame_loses_that_frame_only_and_is_reported(tmp_path: Path) -> None:
    """Frames behind it are answered, the state is as it was before it, the connection never closes."""
    with serving(tmp_path, "--workers", "1", text=SLOW) as server:
        server.wait("ready")
        client, other = Client(server.port), Client(server.port)
        assert client.ask("one") == "begin one 1"
        assert client.line() == "end one"
        client.send("sleep")
        assert client.line() == "begin sleep 2"
        client.send("three")
        other.send("waits")
        [(worker, pid)] = server.workers().items()
        os.kill(pid, signal.SIGKILL)
        lost = server.wait("lost")
        assert "SIGKILL" in lost["reason"]
        [exited] = server.past("worker-exited", worker=worker)
        assert exited["planned"] is False
        assert client.line() == "begin three 2"
        assert client.line() == "end three"
        assert other.line() == "begin waits 1"
        assert len(server.past("lost")) == 1
        assert server.stop() == 0


def test_a_killed_worker_that_has_forked_a_pool_is_noticed_and_its_pool_is_ended(tmp_path: Path) -> None:
    """Its pool holds copies of its descriptors: no end of file would ever show the death."""
    with serving(
        tmp_path, "--workers", "1", text=SLOW.replace("import time\n", "import time, os\n") + POOL
    ) as server:
        server.wait("ready")
        client = Client(server.port)
        client.send("sleep")
        assert client.line() == "begin sleep 1"
        eventually("the pool's pids are printed", lambda: "pool [" in server.output())
        line = next(line for line in server.output().splitlines() if line.startswith("pool ["))
        pool = [int(pid) for pid in line[6:-1].split(",")]
        [pid] = server.workers().values()
        os.kill(pid, signal.SIGKILL)
        server.wait("lost")
        assert client.ask("again") == "begin again 1"
        for child in pool:
            eventually(f"pool child {child} is ended", partial(is_gone, child))
        assert server.stop() == 0


def test_a_killed_manager_costs_nothing(tmp_path: Path) -> None:
    """Its Workers serve on, another Manager takes over, and the next save reloads as ever."""
    with serving(tmp_path, text=answering("v1")) as server:
        server.wait("rolled")
        client = Client(server.port)
        for version in range(2, 5):
            manager = server.manager()
            os.kill(manager, signal.SIGKILL)
            assert client.ask("x") == f"v{version - 1} x"
            server.wait("manager-exited", pid=manager)
            assert client.ask("y") == f"v{version - 1} y"
            server.save(answering(f"v{version}"))
            assert client.ask("z") == f"v{version} z"
            server.wait("rolled", generation=version)
        assert server.past("lost") == []
        assert client.is_open()
        eventually("the orphans have left", lambda: len(server.workers()) == 2)
        assert server.stop() == 0


def test_a_manager_killed_in_the_midst_of_a_reload_does_not_lose_the_save(tmp_path: Path) -> None:
    """The candidate's boot is restarted under the next Manager."""
    gate = tmp_path / "gate"
    gate.touch()
    slow = f"import os, time\nwhile os.path.exists({str(gate)!r}):\n    time.sleep(0.01)"
    with serving(tmp_path, "--workers", "1", text=answering("v1")) as server:
        server.wait("rolled")
        client = Client(server.port)
        server.save(answering("v2", extra=slow))
        server.wait("worker-started", generation=2)
        client.send("x")
        os.kill(server.manager(), signal.SIGKILL)
        server.wait("manager-exited")
        gate.unlink()
        assert client.line() == "v2 x"
        assert server.stop() == 0


def test_a_frame_in_hand_survives_the_managers_death(tmp_path: Path) -> None:
    """An orphan finishes what it has, then it is retired."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    text = answering("v1").replace(
        "    conn", f"    if data == b'wait':\n        open({str(gate)!r}).read()\n    conn"
    )
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        client.send("wait")
        [(worker, _)] = server.workers().items()
        os.kill(server.manager(), signal.SIGKILL)
        server.wait("manager-exited")
        server.wait("worker-retiring", worker=worker)
        with gate.open("w"):
            pass
        assert client.line() == "v1 wait"
        server.wait("worker-exited", worker=worker)
        assert client.ask("x") == "v1 x"
        assert server.stop() == 0


def test_a_killed_master_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    """Managers and Workers leave by themselves, also one that is asleep in a handler."""
    with serving(tmp_path, text=SLOW) as server:
        server.wait("rolled")
        port = server.port
        client = Client(port)
        client.send("sleep")
        client.line()
        server.past("worker-started")
        server.process.kill()
        server.process.wait()
        server.all_gone()
    with serving(
        tmp_path, "--tcp", f"127.0.0.1:{port}", "--port", "0", text=answering("again"), listen=False
    ) as server:
        server.wait("ready")
        assert Client(port).ask("x") == "again x"
        assert server.stop() == 0


def test_a_crash_loop_backs_off_and_is_reported(tmp_path: Path) -> None:
    """A Worker that dies again and again does not burn the machine; the fix ends it."""
    text = answering("good", extra="import os").replace(
        "    conn", "    if data == b'die':\n        os._exit(9)\n    conn"
    )
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        for _ in range(4):
            client.send("die")
            server.wait("lost")
        assert server.wait("notice", level="warning")["text"]
        assert client.ask("x") == "good x"
        assert server.stop() == 0


CUT_OFF = {
    "becomes another program": "os.execv('/bin/sleep', ['sleep', '600'])",
    "writes into its link": (
        "[os.write(int(fd), b'\\0\\0\\0\\3\\0abc') for fd in os.listdir('/proc/self/fd')"
        " if int(fd) > 2 and 'socket:' in os.path.realpath(f'/proc/self/fd/{fd}')]"
    ),
    "closes all descriptors": "os.closerange(0, 64)",
}


@pytest.mark.parametrize("case", CUT_OFF)
def test_an_unreachable_worker_is_ended_and_its_frame_is_reported_as_lost(tmp_path: Path, case: str) -> None:
    """It lives on without its link, and could hold its connections for ever."""
    text = answering("v1", extra="import os").replace(
        "    conn", f"    if data == b'cut':\n        {CUT_OFF[case]}\n    conn"
    )
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        client.send("cut")
        client.send("next")
        assert server.wait("lost")["what"] == "the message in hand"
        assert client.line() == "v1 next"
        errors = [fact["text"].partition(" (")[0] for fact in server.past("notice", level="error")]
        written = "A process sent bytes that are no message"
        assert set(errors) == ({written} if case == "writes into its link" else set())
        server.save(answering("v2"))
        assert client.ask("x") == "v2 x"
        assert server.stop() == 0


@pytest.mark.parametrize("ending", ["pass", "sys.exit(0)"])
def test_a_handler_that_forks_and_returns_twice_leaves_one_worker(tmp_path: Path, ending: str) -> None:
    """The child has no link and no loop of its own: it ends where the handler does."""
    text = answering("v1", extra="import os, sys").replace(
        "    conn",
        "    child = os.fork() if data == b'fork' else 1\n"
        "    if child == 0:\n"
        f"        print('child', os.getpid(), flush=True)\n        {ending}\n"
        "    conn",
    )
    with serving(tmp_path, "--workers", "1", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.ask("fork") == "v1 fork"
        eventually("the child has begun", lambda: "child " in server.output())
        child = int(server.output().rpartition("child ")[2].split()[0])
        eventually("the child has ended", partial(is_gone, child))
        for number in range(20):
            assert client.ask(str(number)) == f"v1 {number}"
        assert server.past("lost") == []
        assert server.stop() == 0


def test_a_managers_death_does_not_hurry_a_worker_that_was_replaced_before(tmp_path: Path) -> None:
    """Old code finishes what it has, whatever becomes of the Manager that forked it."""
    gate = tmp_path / "gate"
    gate.touch()
    wait = (
        f"    while data == b'wait' and os.path.exists({str(gate)!r}):\n        await asyncio.sleep(0.01)\n"
    )
    text = answering("v1", extra="import asyncio, os").replace("    conn", wait + "    conn")
    text = text.replace("def on_receive", "async def on_receive")
    with serving(tmp_path, text=text) as server:
        server.wait("rolled")
        busy, other = Client(server.port), Client(server.port)
        busy.send("wait")
        eventually("it runs", lambda: any(load["running"] for load in server.past("worker-load")))
        server.save(answering("v2"))
        assert other.ask("x") == "v2 x"
        server.wait("rolled", generation=2)
        orphans = {fact["worker"] for fact in server.past("worker-started", generation=2)}
        os.kill(server.manager(), signal.SIGKILL)
        server.wait("rolled", generation=2)
        eventually("the other orphans have left", lambda: not orphans & set(server.workers()))
        gate.unlink()
        assert busy.line() == "v1 wait"
        assert busy.ask("x") == "v2 x"
        assert server.past("lost") == []
        assert server.stop() == 0


@pytest.mark.parametrize("learned", [True, False])
def test_an_app_that_owns_a_port_reloads_after_the_managers_death(tmp_path: Path, learned: bool) -> None:
    """No Manager can have an orphan leave: the Master does, before the new code starts."""
    port = free_port()
    bind = (
        "import socket\n"
        "def on_worker_start(server):\n"
        "    global side\n"
        f"    side = socket.create_server(('127.0.0.1', {port}))\n"
    )
    with serving(tmp_path, "--workers", "1", text=answering("v1", extra=bind)) as server:
        server.wait("rolled")
        client = Client(server.port)
        if learned:
            server.save(answering("v2", extra=bind))
            assert client.ask("x") == "v2 x"
            server.wait("rolled", generation=3)
        os.kill(server.manager(), signal.SIGKILL)
        server.wait("manager-started")
        assert client.ask("x") == ("v2 x" if learned else "v1 x")
        server.save(answering("v3", extra=bind))
        assert client.ask("x") == "v3 x"
        eventually("one Worker is left", lambda: len(server.workers()) == 1)
        assert server.past("lost") == []
        assert server.stop() == 0
